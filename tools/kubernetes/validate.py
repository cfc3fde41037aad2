"""Checks manifests strictly: validate.py KUBERNETES_VERSION DEFINITIONS MANIFEST...

Kubernetes' own kinds go by its published schemas, others by the CustomResourceDefinitions in the folder DEFINITIONS ('-': none).
Writes one JSON object: how many objects of which kinds were checked, what is wrong, and which kinds have no schema here.
"""
import copy
import json
import pathlib
import sys

import jsonschema
import kubernetes_validate
import yaml


def closed(schema: dict) -> dict:
    """The schema with unknown fields refused, as the API server does under strict field validation."""
    schema = copy.copy(schema)
    keep = schema.get("x-kubernetes-preserve-unknown-fields") is True
    if "properties" in schema:
        schema["properties"] = {name: closed(of) for name, of in schema["properties"].items()}
        if not keep and "additionalProperties" not in schema:
            schema["additionalProperties"] = False
    if isinstance(schema.get("additionalProperties"), dict):
        schema["additionalProperties"] = closed(schema["additionalProperties"])
    if isinstance(schema.get("items"), dict):
        schema["items"] = closed(schema["items"])
    return schema


def read_definitions(folder: str) -> dict:
    found = {}
    for path in sorted(pathlib.Path(folder).glob("*.yaml")) if folder != "-" else []:
        definition = yaml.safe_load(path.read_text())["spec"]
        for version in definition["versions"]:
            schema = closed(version["schema"]["openAPIV3Schema"])
            schema["properties"]["metadata"] = {"type": "object"}
            found[f"{definition['group']}/{version['name']}", definition["names"]["kind"]] = jsonschema.Draft202012Validator(schema)
    return found


def main(version: str, folder: str, manifests: list) -> None:
    definitions = read_definitions(folder)
    counts, errors, without = {}, [], set()
    for manifest in manifests:
        for item in yaml.safe_load_all(pathlib.Path(manifest).read_text()):
            if item is None:
                continue
            kind = (item["apiVersion"], item["kind"])
            name = f"{pathlib.Path(manifest).stem}: {item['kind']} {item['metadata']['name']}"
            try:
                if kind in definitions:
                    definitions[kind].validate(item)
                else:
                    kubernetes_validate.validate(item, version, strict=True)
            except kubernetes_validate.SchemaNotFoundError:
                without.add(" ".join(kind))
                continue
            except jsonschema.ValidationError as error:
                errors.append(f"{name}: {'.'.join(str(part) for part in error.absolute_path)}: {error.message}")
            counts[item["kind"]] = counts.get(item["kind"], 0) + 1
    json.dump({"counts": counts, "errors": errors, "without": sorted(without)}, sys.stdout)


main(sys.argv[1], sys.argv[2], sys.argv[3:])
