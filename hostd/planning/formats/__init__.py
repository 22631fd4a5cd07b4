"""Model file formats: header bytes in, `Shape` out. Pure."""
