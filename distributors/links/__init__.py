"""Share links, touches, bonds, and whose sale it is."""
