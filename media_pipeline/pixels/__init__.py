"""Where pictures become pixels and files again: to be run in processes of their own (see ``pictures``)."""
