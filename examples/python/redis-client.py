"""Uses a Redis server with the package `redis` of PyPI: redis-client.py HOST PORT,
or redis-client.py PATH"""

import sys

import redis

if len(sys.argv) == 2:
    client = redis.Redis(unix_socket_path=sys.argv[1])
else:
    client = redis.Redis(sys.argv[1], int(sys.argv[2]))
print(client.ping())
client.set('name', 'capsock')
print(client.get('name'), client.get('other'))
with client.pipeline() as pipeline:
    for number in range(1000):
        pipeline.rpush('numbers', number)
    pipeline.execute()
print(client.llen('numbers'), client.lrange('numbers', -2, -1))
subscription = client.pubsub(ignore_subscribe_messages=True)
subscription.subscribe('news')
subscription.get_message(timeout=1)
client.publish('news', 'hello')
print(subscription.get_message(timeout=1)['data'])
