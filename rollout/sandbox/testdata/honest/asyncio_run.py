# Honest: asyncio, which needs a socketpair
# Prints: [0, 1, 2]\n
# Wall: 10s
import asyncio


async def main():
    await asyncio.sleep(0.01)
    return await asyncio.gather(*[asyncio.to_thread(lambda i=i: i) for i in range(3)])


print(asyncio.run(main()))
