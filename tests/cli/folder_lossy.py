"""Replicas that share a folder through a file-sync tool that does everything wrong.

Each replica has its own copy of the folder. Files come late, out of order, cut off, twice, under
the names of conflicts, or are deleted late; replicas write, sync, write snapshots and delete old
segments in between. In the end every file comes, and all must be equal, a newcomer too.

Environment: TRIBUTARY, the program. Arguments: first seed, number of seeds, steps.
"""

import json
import os
import random
import shutil
import subprocess
import sys
import tempfile

TRIBUTARY = os.environ["TRIBUTARY"]
SCHEMA = "CREATE TABLE note(id INTEGER PRIMARY KEY NOT NULL, title TEXT, n INT)"
REPLICAS = 3


def run(*args, codes=(0,)):
    done = subprocess.run([TRIBUTARY, *args], capture_output=True, text=True, check=False)
    if done.returncode not in codes:
        raise AssertionError(f"{args} ended with {done.returncode}: {done.stdout}{done.stderr}")
    return done.stdout


def sql(db, text):
    return run("sql", "--raw", db, text).strip()


class World:
    def __init__(self, seed, folder):
        self.random = random.Random(seed)
        self.folder = folder
        self.counts = {}
        self.sites = []
        for i in range(REPLICAS):
            self.make(self.db(i))
            os.mkdir(self.copy(i))
            self.sites.append(sql(self.db(i), "SELECT lower(hex(crsql_site_id()))"))

    def make(self, path):
        run("sql", "-q", "--create", "--plain", path, SCHEMA)
        run("init", "-q", path)

    def db(self, i):
        return f"{self.folder}/{i}.db"

    def copy(self, i):
        return f"{self.folder}/copy{i}"

    def count(self, what):
        self.counts[what] = self.counts.get(what, 0) + 1

    def write(self, i):
        key = self.random.randrange(20)
        value = self.random.randrange(1000)
        sql(self.db(i), self.random.choice([
            f"INSERT OR REPLACE INTO note VALUES({key}, 't{value}', {value})",
            f"UPDATE note SET n = {value} WHERE id >= {key}",
            f"UPDATE note SET title = 'u{value}' WHERE id = {key}",
            f"DELETE FROM note WHERE id = {key}",
        ]))
        self.count("writes")

    def sync(self, i, final=False):
        args = ["sync", "--json", self.db(i), "--folder", self.copy(i)]
        if self.random.random() < 0.15:
            args.append("--snapshot")
            self.count("snapshots")
        out = run(*args, codes=(0,) if final else (0, 1))
        self.count("syncs")
        for what in ("waiting", "removed", "unusable"):
            if f'"{what}": 0' not in out and f'"{what}": []' not in out:
                self.count(what)

        self.check_knowledge()

    def check_knowledge(self):
        """Law (K): who knows the same, has the same."""
        known = {}
        for i in range(REPLICAS):
            vector = json.loads(sql(self.db(i), "SELECT crsql_version_vector_json()"))
            if vector.get("unfinished") or vector.get("loose"):
                continue
            known.setdefault(json.dumps(vector["known"]), []).append(i)
        for same in known.values():
            digests = {sql(self.db(i), "SELECT crsql_digest()") for i in same}
            assert len(digests) == 1, f"replicas {same} know the same, but differ"
            if len(same) > 1:
                self.count("comparisons")

    def files(self, i):
        root = self.copy(i)
        return sorted(os.path.relpath(os.path.join(path, name), root)
                      for path, _, names in os.walk(root) for name in names
                      if not name.startswith("."))

    def put(self, data, i, name):
        path = os.path.join(self.copy(i), name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as out:  # in place: as tools do that do not rename
            out.write(data)

    def carry(self, source, target):
        for name in self.random.sample(self.files(source), k=len(self.files(source))):
            if name.split("/")[0] == self.sites[target]:
                continue  # its own come from there
            with open(os.path.join(self.copy(source), name), "rb") as file:
                data = file.read()
            luck = self.random.random()
            if luck < 0.3:
                self.count("late")
            elif luck < 0.45:
                self.put(data[:self.random.randrange(len(data) + 1)], target, name)
                self.count("cut off")
            elif luck < 0.55:
                stem = name.replace(".trib", f".sync-conflict-{self.random.randrange(9)}.trib")
                self.put(data, target, stem)
                self.count("conflicts")
            elif luck < 0.65 and data:
                at = self.random.randrange(len(data))
                self.put(data[:at] + bytes([data[at] ^ 1]) + data[at + 1:], target, name)
                self.count("damaged")
            else:
                self.put(data, target, name)
                self.count("carried")
        # Deletions travel, too, and overtake what replaces the deleted.
        if self.random.random() < 0.5:
            self.delete(source, target)

    def delete(self, source, target):
        own = self.sites[source]
        for name in self.files(target):
            there = os.path.exists(os.path.join(self.copy(source), name))
            if name.startswith(own) and not there:
                os.remove(os.path.join(self.copy(target), name))
                self.count("deletions")

    def settle(self):
        """Every copy gets exactly what each owner has."""
        for target in range(REPLICAS):
            for source in range(REPLICAS):
                if source == target:
                    continue
                path = f"{self.copy(target)}/{self.sites[source]}"
                shutil.rmtree(path, ignore_errors=True)
                if os.path.isdir(f"{self.copy(source)}/{self.sites[source]}"):
                    shutil.copytree(f"{self.copy(source)}/{self.sites[source]}", path)

    def finish(self):
        for _ in range(REPLICAS + 1):
            for i in range(REPLICAS):
                self.settle()
                self.sync(i, final=True)
        self.settle()
        digests = {sql(self.db(i), "SELECT crsql_digest()") for i in range(REPLICAS)}
        assert len(digests) == 1, "replicas differ"
        for i in range(REPLICAS):
            run("inspect", "-q", "--verify", self.copy(i))
            run("check", "-q", self.db(i))
        newcomer = f"{self.folder}/new.db"
        self.make(newcomer)
        run("sync", "-q", newcomer, "--folder", self.copy(0))
        assert sql(newcomer, "SELECT crsql_digest()") in digests, "the newcomer differs"
        restored = f"{self.folder}/restored.db"
        run("restore", "-q", self.copy(1), "--to", restored)
        assert sql(restored, "SELECT crsql_digest()") in digests, "the restored one differs"


def play(seed, steps):
    with tempfile.TemporaryDirectory() as folder:
        world = World(seed, folder)
        for _ in range(steps):
            i = world.random.randrange(REPLICAS)
            luck = world.random.random()
            if luck < 0.4:
                world.write(i)
            elif luck < 0.7:
                world.sync(i)
            else:
                world.carry(i, (i + world.random.randrange(1, REPLICAS)) % REPLICAS)
        world.finish()
        return world.counts


def main():
    first = int(sys.argv[1]) if len(sys.argv) > 1 else 1
    seeds = int(sys.argv[2]) if len(sys.argv) > 2 else 6
    steps = int(sys.argv[3]) if len(sys.argv) > 3 else 80
    total = {}
    for seed in range(first, first + seeds):
        try:
            counts = play(seed, steps)
        except AssertionError as error:
            print(f"FAIL: {error}\nreplay: TRIBUTARY=... {sys.argv[0]} {seed} 1 {steps}")
            sys.exit(1)
        for what, n in counts.items():
            total[what] = total.get(what, 0) + n
    print(f"{seeds} histories end equal:", ", ".join(f"{n} {w}" for w, n in sorted(total.items())))


main()
