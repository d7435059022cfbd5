"""Fetches a page with what the standard library has: http-client.py URL"""

import sys
import urllib.error
import urllib.request

try:
    with urllib.request.urlopen(sys.argv[1], timeout=10) as response:
        print(response.status, response.headers['Content-Type'])
        print(response.read().decode(), end='')
except urllib.error.HTTPError as error:
    sys.exit(f'{error.code} {error.reason}')
except urllib.error.URLError as error:
    sys.exit(f'{sys.argv[1]}: {error.reason}')
