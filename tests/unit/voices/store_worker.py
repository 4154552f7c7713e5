"""Changes a voice store without end, until it is killed: ``python store_worker.py FOLDER SEED``."""

import random
import sys

from configs.app import Voices
from voices.errors import DuplicateVoiceError, TooManyVoicesError, UnknownVoiceError
from voices.store import VoiceDraft, VoiceStore

folder, seed = sys.argv[1:]
chance = random.Random(int(seed))
store = VoiceStore.open(Voices(store=folder, max_per_owner=1_000))
names = [f"voice {number}" for number in range(6)]
sys.stdout.write("ready\n")
sys.stdout.flush()
while True:
    try:
        living = list(store.index().live)
        action = chance.choice(("register", "rename", "delete"))
        if action == "register" or not living:
            name = chance.choice(names)
            clip = name.encode() * 2_000
            store.register(VoiceDraft(name=name, owner="ann", clip=clip, duration_s=4.2))
        elif action == "rename":
            store.rename(chance.choice(living), chance.choice(names))
        else:
            store.delete(chance.choice(living))
    except (DuplicateVoiceError, TooManyVoicesError, UnknownVoiceError):
        continue
