"""Whoever is killed in the middle of a change leaves a store in which every voice is whole."""

import random
import subprocess
import sys
import threading
import time
from pathlib import Path

from configs.app import Voices
from configs.environment import PROJECT_ROOT
from voices.errors import DuplicateVoiceError
from voices.store import VoiceDraft, VoiceStore

KILLS = 24
WORKER = Path(__file__).with_name("store_worker.py")


def start(folder, seed):
    return subprocess.Popen(
        [sys.executable, WORKER, folder, str(seed)],
        cwd=PROJECT_ROOT, env={"PYTHONPATH": str(PROJECT_ROOT)}, stdout=subprocess.PIPE,
    )  # fmt: skip


def assert_whole(folder):
    store = VoiceStore.open(Voices(store=str(folder)))
    index = store.index()
    names = [entry.record.name for entry in index.live.values()]
    assert len(names) == len(set(names))
    assert not index.unreadable
    for voice_id, entry in index.live.items():
        assert index.by_name[entry.record.name.lower()].record.id == voice_id
        clip = store.clip(voice_id)
        assert clip.startswith(b"voice ")
        assert len(clip) == len("voice 0") * 2_000
    return len(names)


def test_kill_9_at_any_moment_leaves_every_listed_voice_whole(tmp_path):
    chance = random.Random(20)
    seen = 0
    for kill in range(KILLS):
        worker = start(tmp_path, kill)
        assert worker.stdout.readline() == b"ready\n"
        time.sleep(chance.uniform(0.0, 0.15))
        worker.kill()
        worker.wait()
        worker.stdout.close()
        seen += assert_whole(tmp_path)
    assert seen, "nothing was ever registered"


def test_the_next_one_goes_on_where_the_last_was_killed(tmp_path):
    for seed in range(3):
        worker = start(tmp_path, seed)
        worker.stdout.readline()
        time.sleep(0.1)
        worker.kill()
        worker.wait()
        worker.stdout.close()
    store = VoiceStore.open(Voices(store=str(tmp_path)))
    voice = store.register(VoiceDraft(name="after", owner="bob", clip=b"clip", duration_s=4.2))
    assert store.clip(voice.id) == b"clip"
    store.sweep()
    assert voice.id in store.index().live
    assert store.clip(voice.id) == b"clip"


def test_of_many_who_want_one_name_one_gets_it(tmp_path):
    won, lost = [], []
    barrier = threading.Barrier(8)

    def claim(number):
        store = VoiceStore.open(Voices(store=str(tmp_path)))
        barrier.wait()
        try:
            won.append(store.register(
                VoiceDraft(name="Taken", owner=f"owner{number}", clip=b"c", duration_s=4.2)
            ))  # fmt: skip
        except DuplicateVoiceError:
            lost.append(number)

    threads = [threading.Thread(target=claim, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1
    assert len(lost) == 7
    assert list(VoiceStore.open(Voices(store=str(tmp_path))).index().live) == [won[0].id]
    assert not [file for file in Path(tmp_path).rglob("*.flac") if won[0].id not in file.name]
