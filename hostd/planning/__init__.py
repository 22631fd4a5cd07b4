"""What a model will hold, before anything is loaded: headers in, shapes and footprints out. Pure, like domain and scheduling."""
