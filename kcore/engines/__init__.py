"""Engines that come with kcore itself."""
