"""The whole story played by made-up people, through the same actions real people use.

Nothing here runs in production: the commands refuse without the sandbox WeChat.
"""
