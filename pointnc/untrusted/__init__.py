"""Files that nobody vouches for, each kind read in one place, with bounds; a bad one is a line, never more.

What a file says of itself (lengths, counts, depths, sizes) is compared with the file before anything is allocated for
it, and whatever else goes wrong while it is read becomes a :class:`~pointnc.errors.UserError` that names it.
"""
