"""Trials a second of OSS Vizier and Optuna: peers.py SYSTEM STORAGE SECONDS CLIENTS PROCESSES BATCH.

SYSTEM is vizier or optuna, STORAGE an SQLAlchemy URL. The server runs in a process of its own and is reached over gRPC; clients ask for trials, give
each a value and ask again, without any work between, as many at once as CLIENTS, spread over PROCESSES. Both draw at random: what is measured is how
trials are kept and handed out. Vizier is asked for BATCH trials at a time, which Optuna's ask cannot. Prints one line of JSON.
"""

import json
import multiprocessing
import socket
import sys
import threading
import time

SYSTEM, STORAGE = sys.argv[1], sys.argv[2]
SECONDS, CLIENTS, PROCESSES, BATCH = float(sys.argv[3]), *map(int, sys.argv[4:7])
STUDY = "scale"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def serve_vizier(port, ready):
    from vizier._src.service import vizier_server

    server = vizier_server.DefaultVizierServer(host="127.0.0.1", database_url=STORAGE, port=port)
    ready.set()
    threading.Event().wait()
    del server  # until here it serves


def serve_optuna(port, ready):
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    storage = optuna.storages.RDBStorage(STORAGE)
    ready.set()
    optuna.storages.run_grpc_proxy_server(storage, host="127.0.0.1", port=port)


def vizier_client(port, number):
    from vizier.service import clients, pyvizier

    clients.environment_variables.server_endpoint = f"127.0.0.1:{port}"
    config = pyvizier.StudyConfig(algorithm="RANDOM_SEARCH")
    config.search_space.root.add_float_param("x", 0.0, 1.0)
    config.metric_information.append(pyvizier.MetricInformation("y", goal=pyvizier.ObjectiveMetricGoal.MAXIMIZE))
    study = clients.Study.from_study_config(config, owner="scale", study_id=STUDY)

    def step():
        trials = study.suggest(count=BATCH, client_id=f"client-{number}")
        for trial in trials:
            trial.complete(pyvizier.Measurement({"y": trial.parameters["x"]}))
        return len(trials)

    return step


def optuna_client(port, number):
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    storage = optuna.storages.GrpcStorageProxy(host="127.0.0.1", port=port)
    storage.wait_server_ready(timeout=60)
    sampler = optuna.samplers.RandomSampler(seed=number)
    study = optuna.create_study(storage=storage, study_name=STUDY, sampler=sampler, load_if_exists=True)

    def step():
        trial = study.ask()
        study.tell(trial, trial.suggest_float("x", 0.0, 1.0))
        return 1

    return step


def work(port, first, count, begin, ends, done):
    make = vizier_client if SYSTEM == "vizier" else optuna_client
    steps = [make(port, first + i) for i in range(count)]
    totals = [0] * count

    def loop(i):
        while time.time() < ends.value:
            finished = steps[i]()
            if time.time() < ends.value:  # what ends late does not count
                totals[i] += finished

    begin.wait()
    threads = [threading.Thread(target=loop, args=(i,)) for i in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    done.put(sum(totals))


def main():
    context = multiprocessing.get_context("spawn")
    port, ready, done = free_port(), context.Event(), context.Queue()
    ends = context.Value("d", 0.0)
    begin = context.Barrier(PROCESSES + 1)
    server = context.Process(target=serve_vizier if SYSTEM == "vizier" else serve_optuna, args=(port, ready), daemon=True)
    server.start()
    if not ready.wait(120):
        raise SystemExit(f"{SYSTEM} did not start")
    time.sleep(1)
    share = CLIENTS // PROCESSES
    workers = [context.Process(target=work, args=(port, i * share, share, begin, ends, done), daemon=True) for i in range(PROCESSES)]
    for worker in workers:
        worker.start()
        time.sleep(1)  # the first one makes the study
    ends.value = time.time() + 3600
    while begin.n_waiting < PROCESSES:
        if any(worker.exitcode not in (None, 0) for worker in workers):
            raise SystemExit(f"a client of {SYSTEM} ended early")
        time.sleep(0.05)
    ends.value = time.time() + SECONDS
    begin.wait()
    trials = sum(done.get(timeout=SECONDS + 120) for _ in workers)
    print(json.dumps({"trials": trials, "seconds": SECONDS, "perSecond": trials / SECONDS}))
    server.terminate()


if __name__ == "__main__":
    main()
