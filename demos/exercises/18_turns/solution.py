"""A game with turns: the server knows the rules."""

import asyncio
import json
import os

from websockets.asyncio.server import broadcast, serve

game = {"stones": 10, "turn": 1}
players = []


def take(player, number):
    """Plays a move. Returns the new state, and an error for the player only."""
    if game["stones"] == 0:
        return None, "the game is over"
    if player != game["turn"]:
        return None, "not your turn"
    if type(number) is not int or not 1 <= number <= 3:
        return None, "take 1, 2 or 3"
    if number > game["stones"]:
        return None, "too many"
    game["stones"] -= number
    if game["stones"] == 0:
        return {"stones": 0, "winner": player}, None
    game["turn"] = 3 - player
    return game, None


def number_in(message):
    """Returns what a message wants to take. JSON may also be a list, a number or null."""
    try:
        data = json.loads(message)
    except ValueError:
        return None
    return data.get("take") if isinstance(data, dict) else None


async def handle(client):
    """Runs once for each client."""
    if len(players) == 2:
        await client.send(json.dumps({"error": "full"}))
        await client.close(1013, "the game is full")
        return
    players.append(client)
    player = len(players)
    await client.send(json.dumps({"player": player}))
    async for message in client:
        state, error = take(player, number_in(message))
        if error:
            await client.send(json.dumps({"error": error}))
        else:
            broadcast(players, json.dumps(state))


async def main():
    port = int(os.environ.get("WEBSOCKET_PORT", "8765"))
    async with serve(handle, "127.0.0.1", port) as server:
        await server.serve_forever()


asyncio.run(main())
