# A line is added to the accounts.
sh is /bin/bash
sh write /etc/passwd
expect high changes accounts by hand
