"""failure.py MODEL FOLDER: a server whose weights are gone says so once, answers with errors, and does not end."""

import os
import shutil
import sys
import time

sys.dont_write_bytecode = True
from server import Server, run

MODEL, FOLDER = sys.argv[1:]


def main():
    model = os.path.join(FOLDER, "model")
    shutil.copytree(MODEL, model)
    plan = os.path.join(FOLDER, "model.qplan")
    run("quipu", "compile", model, "-o", plan)
    with Server(plan, "--map-weights") as server:
        body = {"prompt": "Once", "max_tokens": 8, "temperature": 0}
        assert server.complete(**body)["choices"][0]["text"]
        os.truncate(os.path.join(model, "model.safetensors"), 4096)
        answer = server.post("/v1/completions", body)
        assert answer.status in (500, 503) and "cannot be read" in answer.error["message"], (answer.status, answer.body)
        answer = server.post("/v1/completions", body)
        assert answer.status == 503 and "cannot be read" in answer.error["message"], (answer.status, answer.body)
        health = server.get("/health")
        assert health.status == 503 and health.json["status"] == "failed", health.body
        assert 'state="dead"} 1' in server.get("/metrics").body.decode()
        # It is looked at once a second.
        time.sleep(2.5)
        assert server.stop() == 0, server.log
        assert server.log.count("does not answer any more") == 1 and "cannot be read" in server.log, server.log
    print("a failure is said")


main()
