"""What minidb asks of the system beneath it: files and their durability, threads signals do not reach, closing.

The only room that talks to the operating system about files (`tests/test_rooms.py` holds the others to it), so that
its failures, power cuts and other systems' ways can be played in tests.
"""
