"""How a command starts: what was typed, the settings that it makes, help, and mistakes in one line."""
