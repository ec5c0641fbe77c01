"""Pictures: report page, rendered scenes, plots."""
