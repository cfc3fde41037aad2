"""Calls a platform as any Python program would: with stubs made from proto/ and packages from PyPI, none of them ours.

usage: client.py HOST:PORT
Prints one JSON object a check: {"check", "code", ...}.
"""

import json
import sys

import grpc
from google.protobuf import descriptor_pool
from google.rpc import error_details_pb2, status_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase
from nat.architecture.v1 import architecture_pb2 as a
from nat.transform.v1 import transform_service_pb2 as t
from nat.transform.v1 import transform_service_pb2_grpc

DEADLINE = 120
DETAILS = "grpc-status-details-bin"


def say(check, **values):
    print(json.dumps({"check": check, **values}), flush=True)


def request(source):
    return t.TransformArchitectureRequest(parent="namespaces/default", source=source, options=t.TransformOptions(policy="nat", greedy=True))


def fields(cost):
    return {"params": cost.params, "macs": cost.macs, "peakActivationBytes": cost.peak_activation_bytes}


def transform(stub):
    response = stub.TransformArchitecture(request(a.ArchitectureRef(zoo="DARTS")), timeout=DEADLINE)
    result = response.results[0]
    certificate = result.certificate
    say(
        "transform",
        code="OK",
        source=fields(response.source.cost),
        result=fields(result.cost),
        certificate={"holds": certificate.holds, "source": fields(certificate.source), "result": fields(certificate.result)},
        genotype=result.genotype,
        edges=len(result.edges),
        saved={"params": sum(edge.saved_params for edge in result.edges), "macs": sum(edge.saved_macs for edge in result.edges)},
    )
    return response.source.spec


def refused(stub, check, source):
    """What came of bad input, with its details as google.rpc has them, and whether the server serves on."""
    try:
        stub.TransformArchitecture(request(source), timeout=DEADLINE)
        answer = {"code": "OK"}
    except grpc.RpcError as error:
        answer = {"code": error.code().name, "message": error.details(), "reason": None, "violations": []}
        for key, value in error.trailing_metadata() or ():
            if key == DETAILS:
                status = status_pb2.Status.FromString(value)
                answer["detailsCode"] = status.code
                for detail in status.details:
                    info, bad = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
                    if detail.Unpack(info):
                        answer["reason"] = info.reason
                    elif detail.Unpack(bad):
                        answer["violations"] = [{"field": one.field, "description": one.description} for one in bad.field_violations]
    good = stub.TransformArchitecture(request(a.ArchitectureRef(zoo="DARTS")), timeout=DEADLINE)
    say(check, **answer, servesOn=good.results[0].certificate.holds)


def bad_input(stub, spec):
    def changed(change):
        copy = a.ArchitectureSpec()
        copy.CopyFrom(spec)
        change(copy)
        return a.ArchitectureRef(spec=copy)

    def edge(source, target, name="skip_connect"):
        return a.Edge(**{"from": source, "to": target, "primitive": a.PrimitiveOperation(name=name)})

    def cycle(copy):
        copy.cells[0].edges.extend([edge(2, 4), edge(4, 2)])

    def itself(copy):
        copy.cells[0].edges.append(edge(3, 3))

    def unknown_operation(copy):
        copy.cells[0].edges[2].primitive.name = "conv_17x17"

    def dangling_node(copy):
        copy.cells[1].nodes += 1

    def no_such_node(copy):
        copy.cells[0].edges.append(edge(2, 4000))

    def number(params):
        def change(copy):
            copy.cells[0].edges[0].fixed.CopyFrom(a.FixedOperation(name="imported", params=params, macs=1))

        return change

    def empty_cell(copy):
        del copy.cells[0].edges[:]

    def no_cells(copy):
        del copy.cells[:]

    def many_edges(copy):
        cell = copy.cells[0]
        for _ in range(100_000 - len(cell.edges)):
            cell.edges.append(edge(0, 2))

    refused(stub, "cycle", changed(cycle))
    refused(stub, "an edge to its own node", changed(itself))
    refused(stub, "unknown operation", changed(unknown_operation))
    refused(stub, "dangling node", changed(dangling_node))
    refused(stub, "an edge to no node", changed(no_such_node))
    refused(stub, "NaN", changed(number(float("nan"))))
    refused(stub, "infinity", changed(number(float("inf"))))
    refused(stub, "negative", changed(number(-1.0)))
    refused(stub, "empty cell", changed(empty_cell))
    refused(stub, "no cells", changed(no_cells))
    refused(stub, "10^5 edges", changed(many_edges))
    refused(stub, "no source", a.ArchitectureRef())
    refused(stub, "a genotype that ends early", a.ArchitectureRef(genotype="Genotype(normal=[('sep_conv_3x3', 0, 2)"))
    refused(stub, "a genotype with a cycle", a.ArchitectureRef(genotype="Genotype(normal=[('skip_connect', 3, 2), ('skip_connect', 2, 3)], normal_concat=[2, 3], reduce=[('skip_connect', 0, 2), ('skip_connect', 1, 3)], reduce_concat=[2, 3])"))
    refused(stub, "json with NaN", a.ArchitectureRef(json='{"cells": NaN}'))
    refused(stub, "over-long message", a.ArchitectureRef(json=" " * 70_000_000))
    refused(stub, "10 MB", a.ArchitectureRef(genotype="x" * 10_000_000))


def malformed_bytes(channel):
    call = channel.unary_unary("/nat.transform.v1.TransformService/TransformArchitecture", request_serializer=bytes, response_deserializer=bytes)
    try:
        call(b"\xff\xff\xff\xff not protobuf", timeout=DEADLINE)
        say("malformed bytes", code="OK")
    except grpc.RpcError as error:
        say("malformed bytes", code=error.code().name)


def health(channel):
    stub = health_pb2_grpc.HealthStub(channel)
    for service in ("", "nat.transform.v1.TransformService", "nat.evaluation.v1.WorkerService"):
        status = stub.Check(health_pb2.HealthCheckRequest(service=service), timeout=DEADLINE).status
        say(f"health of '{service}'", code="OK", status=health_pb2.HealthCheckResponse.ServingStatus.Name(status))


def reflection(channel):
    database = ProtoReflectionDescriptorDatabase(channel)
    # A pool of its own: nothing in it but what the server tells.
    pool = descriptor_pool.DescriptorPool(database)
    service = pool.FindServiceByName("nat.transform.v1.TransformService")
    method = service.FindMethodByName("TransformArchitecture")
    say(
        "reflection",
        code="OK",
        services=sorted(database.get_services()),
        methods=[one.name for one in service.methods],
        inputFields=[field.name for field in method.input_type.fields],
    )


def main():
    (address,) = sys.argv[1:]
    options = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
    with grpc.insecure_channel(address, options=options) as channel:
        stub = transform_service_pb2_grpc.TransformServiceStub(channel)
        health(channel)
        reflection(channel)
        spec = transform(stub)
        malformed_bytes(channel)
        bad_input(stub, spec)


main()
