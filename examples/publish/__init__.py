"""An article: a draft that can be taken back, and a publication that cannot."""
