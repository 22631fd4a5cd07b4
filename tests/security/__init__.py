"""What hostd promises to withstand, R1 to R35 of SECURITY.md, held against running daemons."""
