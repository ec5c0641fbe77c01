"""A window on scenes with Open3D, where there is a display; optional: ``pip install 'pointnc[view]'``.

What is shown is computed in :mod:`look`, what is under the pointer in :mod:`picking`, where the camera stands in
:mod:`orbit`, which scene is next in :mod:`shelf`: these know nothing of Open3D. The others are its widgets and events.
"""
