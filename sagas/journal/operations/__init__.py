"""What a journal does, written once: each operation as a generator, by port."""
