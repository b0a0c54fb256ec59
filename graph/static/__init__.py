"""Files that are served as they are, and the script that makes those which are not ours."""
