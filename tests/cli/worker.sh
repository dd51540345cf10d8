#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The worker for other programs: batches, events, commands, and every way to end one.
# shellcheck source=tests/cli/lib.sh
. "$(dirname "$0")/lib.sh"
source=$(cd "$(dirname "$0")/../.." && pwd)

# tasks COUNT INPUT FOLDER: a batch on standard output; N in INPUT stands for the number.
tasks() {
    python3 - "$@" <<'PYTHON'
import json, sys
count, path, folder = int(sys.argv[1]), sys.argv[2], sys.argv[3]
print(json.dumps({"tasks": [{"id": f"task {i}", "input": path.replace("N", str(i)), "output": f"{folder}/{i}.png"}
                            for i in range(count)]}))
PYTHON
}

# events FILE EXPRESSION: each line is JSON, e is the list of them, first is ready and last batch, and the expression is true.
events() {
    python3 - "$@" <<'PYTHON'
import json, sys
e = [json.loads(line) for line in open(sys.argv[1], encoding="utf-8")]
k = [x["event"] for x in e]
of = lambda kind, id: [x for x in e if x["event"] == kind and x.get("id") == id]
if k[0] != "ready" or k.index("batch") != len(k) - 1:
    sys.exit(f"not from ready to batch: {k[:3]} … {k[-3:]}")
if not eval(sys.argv[2]):
    sys.exit(f"not true of {sys.argv[1]}: {sys.argv[2]}\n{str(e)[:1500]}")
PYTHON
}

# a batch is told event by event, under the ids of who made it
test_events() {
    "$mkimage" make a.png 600 400
    echo "no image" >b.png
    cat >batch.json <<'JSON'
{"steps": [{"resize": {"width": 30}}],
 "tasks": [{"id": "one", "input": "a.png", "output": "o/new/a.jpg"},
           {"id": "zw\u00f6lf \"12\"", "input": "b.png", "output": "o/b.webp"},
           {"input": "a.png", "output": "o/plain.webp"}]}
JSON
    run 3 "$smalti" worker --batch batch.json
    empty err
    events out 'e[0]["tasks"] == 3 and e[0]["version"].count(".") == 2'
    events out 'k.count("started") == 3 and k.count("done") == 2 and k.count("failed") == 1'
    events out 'of("done", "one")[0]["task"] == 0 and of("done", "one")[0]["outputs"][0]["path"] == "o/new/a.jpg"'
    events out '[(o["format"], o["width"], o["height"]) for o in of("done", "one")[0]["outputs"]] == [("jpeg", 30, 20)]'
    events out 'of("done", "one")[0]["bytes_in"] > 0 and of("done", "one")[0]["ms"]["wall"] > 0'
    events out 'of("failed", "zwölf \"12\"")[0]["error"]["class"] == "format"'
    events out 'of("done", None)[0]["output"] == "o/plain.webp"'
    events out 'all(0 <= x["fraction"] <= 1 for x in e if x["event"] == "progress")'
    events out 'e[-1]["exit"] == 3 and e[-1]["result"] == "format" and e[-1]["stats"]["done"] == 2'
    "$smalti" info o/new/a.jpg o/plain.webp --json >made
    json made '[(i["format"], i["width"]) for i in d] == [("jpeg", 30), ("webp", 30)]'
}

# the exit code is the highest one of the tasks, whatever their order
test_worst() {
    echo "no image" >b.png
    "$mkimage" make a.png 9 9
    printf '{"tasks": [{"input": "%s", "output": "1.png"}, {"input": "%s", "output": "2.png"}]}' b.png gone.png >1.json
    printf '{"tasks": [{"input": "%s", "output": "1.png"}, {"input": "%s", "output": "2.png"}]}' gone.png b.png >2.json
    run 7 "$smalti" worker --batch 1.json
    run 7 "$smalti" worker --batch 2.json
    events out 'e[-1]["result"] == "io" and e[-1]["stats"]["failed"] == 2'
    echo '{"tasks": []}' >none.json
    run 0 "$smalti" worker --batch none.json
    events out 'k == ["ready", "batch"]'
}

# what cannot be run is one line that says why, and the same on standard error
test_refused() {
    "$mkimage" make a.png 9 9
    echo '{"tasks": [{"input": "a.png", "output": "a.png"}]}' >over.json
    run 2 "$smalti" worker --batch over.json
    json out 'd["event"] == "batch" and d["exit"] == 2 and "over its input" in d["error"]["message"]'
    has err "over its input"
    echo '{"output": {"file": "-"}, "tasks": [{"input": "a.png"}]}' >stdout.json
    run 2 "$smalti" worker --batch stdout.json
    json out '"standard output" in d["error"]["message"]'
    run 2 "$smalti" worker --batch - <<<'{"tasks": [{"input": "-", "output": "b.png"}]}'
    json out '"standard input" in d["error"]["message"]'
    run 7 "$smalti" worker --batch gone.json
    json out 'd["error"]["class"] == "io"'
    run 2 "$smalti" worker --batch - --control </dev/null
    has err "both want standard input"
    run 2 "$smalti" worker
    has err "nothing to do"
}

# a batch comes from a file, from standard input, or from memory that another process holds
test_sources() {
    "$mkimage" make a.png 20 10
    tasks 3 a.png o >batch.json
    run 0 "$smalti" worker --batch - <batch.json
    rm -r o
    run 0 python3 - "$smalti" <<'PYTHON'
import os, subprocess, sys
fd = os.memfd_create("batch")
os.write(fd, open("batch.json", "rb").read())
path = f"/proc/{os.getpid()}/fd/{fd}"
subprocess.run([sys.argv[1], "worker", "--batch", path], check=True)
if subprocess.run([sys.argv[1], "worker", "--batch", path, "--own"], capture_output=True).returncode != 2:
    sys.exit("--own was taken for what has no name")
PYTHON
    events out 'k.count("done") == 3'
    equal "$(find o -type f | wc -l)" 3
}

# --own removes the file of a batch only when all of it ended well
test_own() {
    "$mkimage" make a.png 20 10
    tasks 2 a.png o >batch.json
    printf '{"tasks": [{"input": "gone.png", "output": "x.png"}]}' >bad.json
    run 7 "$smalti" worker --batch bad.json --own
    events out 'e[-1]["removed"] is False'
    [ -e bad.json ]
    run 0 "$smalti" worker --batch batch.json
    [ -e batch.json ]
    ln -s batch.json link.json
    run 2 "$smalti" worker --batch link.json --own
    run 2 "$smalti" worker --batch - --own <batch.json
    run 0 "$smalti" worker --batch batch.json --own
    events out 'e[-1]["removed"] is True'
    [ ! -e batch.json ]
}

# 100,000 tasks are read, told and summed up
test_many() {
    tasks 100000 "no/such/folder/$(printf 'long%.0s' {1..40})/N.png" o >batch.json
    run 7 "$smalti" worker --batch batch.json
    events out 'e[0]["tasks"] == 100000 and e[-1]["stats"]["failed"] == 100000'
    events out 'sorted(x["task"] for x in e if x["event"] == "failed") == list(range(100000))'
    fails ls o
}

# who reads slowly holds the work back, and gets every line
test_slow_reader() {
    "$mkimage" make a.png 30 20
    tasks 2000 a.png o >batch.json
    run 0 python3 - "$smalti" <<'PYTHON'
import json, os, subprocess, sys, time
worker = subprocess.Popen([sys.argv[1], "worker", "--batch", "batch.json"], stdout=subprocess.PIPE)
count, still = -1, 0
while still < 10: # until nothing moves: a pipe of 64 KiB is full of some fifty tasks
    made = len(os.listdir("o")) if os.path.exists("o") else 0
    still = still + 1 if made == count and made else 0
    count = made
    time.sleep(0.05)
if count > 1000:
    sys.exit(f"{count} tasks were done before anything was read")
events = [json.loads(line)["event"] for line in worker.stdout]
if events.count("done") != 2000 or events[-1] != "batch" or worker.wait() != 0:
    sys.exit(f"{events.count('done')} done, {events[-1]}")
PYTHON
}

# whole FOLDER: it holds nothing but outputs that are those of a run that was left alone
whole() {
    local file
    equal "$(find "$1" -type f ! -name '*.png')" ""
    find "$1" -name '*.png' | while read -r file; do
        cmp "$file" whole.png || return 1
    done
}

# Makes batch.json of COUNT tasks that take some milliseconds, and whole.png.
make_work() {
    "$mkimage" make a.png 900 600
    tasks "$1" a.png o >batch.json
    "$smalti" run a.png -o whole.png -q
}

# a reader that goes away ends the work, and nothing is left half written
test_closed() {
    local codes
    make_work 500
    "$smalti" worker --batch batch.json 2>err | head -n 4 >/dev/null
    codes=("${PIPESTATUS[@]}")
    equal "${codes[0]}" 7
    empty err
    [ "$(find o -name '*.png' | wc -l)" -lt 500 ]
    whole o
}

# … even while a task waits and has nothing to say
test_closed_quietly() {
    mkfifo fifo
    echo '{"tasks": [{"input": "fifo", "output": "a.png"}]}' >batch.json
    run 0 timeout 100 python3 - "$smalti" <<'PYTHON'
import subprocess, sys
worker = subprocess.Popen([sys.argv[1], "worker", "--batch", "batch.json"], stdout=subprocess.PIPE)
while b'"started"' not in worker.stdout.readline():
    pass
worker.stdout.close()
if worker.wait() != 7:
    sys.exit(f"it ended with {worker.returncode}")
PYTHON
}

# SIGTERM ends a batch with code 10 and a last line that says so
test_terminate() {
    make_work 500
    run 0 python3 - "$smalti" <<'PYTHON'
import json, signal, subprocess, sys
worker = subprocess.Popen([sys.argv[1], "worker", "--batch", "batch.json", "-j", "2"], stdout=subprocess.PIPE)
events = []
for line in worker.stdout:
    events.append(json.loads(line))
    if events[-1]["event"] == "done" and not any(e["event"] == "done" for e in events[:-1]):
        worker.send_signal(signal.SIGTERM)
last, sums = events[-1], events[-1]["stats"]
if worker.wait() != 10 or last["event"] != "batch" or last["result"] != "cancelled":
    sys.exit(f"{worker.returncode} {last}")
if not 0 < last["cancelled"] == sums["failed"] or sums["done"] + sums["failed"] != 500:
    sys.exit(str(last))
started = sum(e["event"] == "started" for e in events)
if started != sum(e["event"] in ("done", "failed") for e in events):
    sys.exit("a task that started did not end")
PYTHON
    whole o
}

# commands cancel one task or all, what is no command is a warning, and the end of commands is not the end
test_control() {
    "$mkimage" make a.png 30 20
    mkfifo fifo
    cat >batch.json <<'JSON'
{"tasks": [{"id": "wait", "input": "fifo", "output": "o/wait.png"},
           {"id": "b", "input": "a.png", "output": "o/b.png"}, {"id": "c", "input": "a.png", "output": "o/c.png"}]}
JSON
    run 0 timeout 100 python3 - "$smalti" <<'PYTHON'
import json, subprocess, sys
def start():
    worker = subprocess.Popen([sys.argv[1], "worker", "--batch", "batch.json", "--control", "-j", "1"],
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    until(worker, "started")
    return worker
def until(worker, kind, seen=None):
    for line in worker.stdout:
        event = json.loads(line)
        if seen is not None:
            seen.append(event)
        if event["event"] == kind:
            return event
    sys.exit(f"no {kind}")
def say(worker, line):
    worker.stdin.write(line + b"\n")
    worker.stdin.flush()
def check(condition, *what):
    if not condition:
        sys.exit(str(what))

worker, seen = start(), []
say(worker, b'{"cancel": "b"}')
say(worker, b'{"cancel": "nobody"}')
check("not in the batch" in until(worker, "warning")["error"]["message"])
say(worker, b'hello')
check("neither" in until(worker, "warning")["error"]["message"])
say(worker, b'{"cancel": "x' + b'x' * 70000 + b'"}')
check("longer" in until(worker, "warning")["error"]["message"])
worker.stdin.close()
with open("fifo", "wb") as fifo: # b was cancelled before this ends
    fifo.write(open("a.png", "rb").read())
last = until(worker, "batch", seen)
check(worker.wait() == 10 and last["cancelled"] == 1 and last["stats"]["done"] == 2, last)
ends = {e["id"]: e["event"] for e in seen if e["event"] in ("done", "failed")}
check(ends == {"wait": "done", "b": "failed", "c": "done"}, ends)

worker, seen = start(), []
say(worker, b'{"cancel": true}')
last = until(worker, "batch", seen)
check(worker.wait() == 10 and last["cancelled"] == 3, last)
check([e["id"] for e in seen if e["event"] == "failed"] == ["wait"], seen) # the others never started
PYTHON
    [ ! -e o/b.png ]
    [ -e o/c.png ]
}

# SIGKILL at any moment leaves whole outputs and nothing else
test_kill() {
    local i
    make_work 400
    python3 -c 'import os; os.close(os.open(".", os.O_TMPFILE | os.O_WRONLY))' 2>no-tmpfile || skip "no files without a name here"
    for i in $(seq 1 30); do
        "$smalti" worker --batch batch.json >events 2>err &
        sleep "0.0$((i * 7 % 100 / 10))$((i * 7 % 10))"
        kill -KILL $!
        wait $! 2>/dev/null || true
        mkdir -p o
        whole o
        # what was told as done is there
        python3 - <<'PYTHON'
import json, os, sys
for line in open("events"):
    if line.endswith("\n") and json.loads(line)["event"] == "done" and not os.path.exists(json.loads(line)["output"]):
        sys.exit("missing: " + line)
PYTHON
        rm -r o
    done
}

# the example for Node runs a batch and tells how it went
test_node() {
    command -v node >/dev/null || skip "no node"
    "$mkimage" make a.png 900 600
    echo "no image" >b.png
    run 3 node "$source/examples/sidecar.mjs" "$smalti" o a.png b.png
    has out "0: " " bytes" "1 failed: " "[2/2]"
    "$smalti" info o/0.webp --json >made
    json made 'd[0]["format"] == "webp" and d[0]["width"] == 640'
    equal "$(find o -type f)" o/0.webp
}

run_tests
