"""The commands, a module for each thing people come to do."""
