"""Is the target there, how often does it fail whatever it is asked, and how fast may it be asked?"""
