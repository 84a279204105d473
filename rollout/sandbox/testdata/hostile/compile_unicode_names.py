# Tries: source with a coding line and odd characters
# Accepts: OK CompileError RuntimeError
# Must not: confuse the reader
# -*- coding: utf-7 -*-
x = 1
