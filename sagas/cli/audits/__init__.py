"""An audit as it is printed: for people, line by line for programs, and for spreadsheets."""
