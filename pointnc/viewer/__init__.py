"""Looking at scenes: a page for any browser, pictures without a display, a window where there is one."""
