"""Collections, their vectors and payload indexes, and aliases."""

from __future__ import annotations

from typing import Any

from minidb import models
from minidb.errors import FormatError
from minidb.filter.json_path import JsonPath
from minidb.rest.call import Call, done
from minidb.rest.route import Route


def _names(call: Call) -> Any:
    return {"collections": [{"name": name} for name in call.database.collection_names()]}


def _info(call: Call) -> Any:
    info = call.database.info(call.collection)
    return {**info.model_dump(mode="json", exclude_none=True), "config": shown_config(info)}


def shown_config(info: models.CollectionInfo) -> dict[str, Any]:
    """A collection's settings as Qdrant writes them."""
    config = info.config.model_dump(mode="json", exclude_none=True)
    config["optimizer_config"] = info.config.optimizer_config.model_dump(mode="json")  # Qdrant writes these as null
    config.setdefault("quantization_config", None)
    return config


def _memory(call: Call) -> Any:
    return call.database.memory(call.collection)


def _create(call: Call) -> bool:
    return call.database.create_collection(call.collection, call.body)


def _update(call: Call) -> bool:
    return call.database.update_collection(call.collection, call.body)


def _delete(call: Call) -> bool:
    return call.database.delete_collection(call.collection)


def _exists(call: Call) -> Any:
    return {"exists": call.database.collection_exists(call.collection)}


def _create_vector(call: Call) -> models.UpdateResult:
    wait = call.parameters.flag("wait")
    return done(call.database.create_vector_name(call.collection, call.path["vector_name"], call.body), wait)


def _delete_vector(call: Call) -> models.UpdateResult:
    wait = call.parameters.flag("wait")
    return done(call.database.delete_vector_name(call.collection, call.path["vector_name"]), wait)


def _create_index(call: Call) -> models.UpdateResult:
    wait = call.parameters.flag("wait")
    return done(call.database.create_payload_index(call.collection, call.body.field_name, call.body.field_schema), wait)


def _delete_index(call: Call) -> models.UpdateResult:
    wait = call.parameters.flag("wait")
    try:
        path = str(JsonPath.parse(call.path["field_name"]))
    except FormatError as error:
        raise error.reworded(
            f"Deserialize error in path parameters: {error.message.removeprefix(error.prefix)}"
        ) from None
    return done(call.database.delete_payload_index(call.collection, path), wait)


def _aliases(call: Call) -> Any:
    return {"aliases": call.database.aliases()}


def _collection_aliases(call: Call) -> Any:
    return {"aliases": call.database.aliases(call.collection)}


def _change_aliases(call: Call) -> bool:
    return call.database.change_aliases(call.body.actions)


_ONE = "/collections/{collection_name}"

ROUTES = (
    Route("GET", "/collections", _names),
    Route("GET", _ONE, _info),
    Route("PUT", _ONE, _create, models.CreateCollection),
    Route("PATCH", _ONE, _update, models.UpdateCollection),
    Route("DELETE", _ONE, _delete),
    Route("GET", f"{_ONE}/exists", _exists),
    Route("GET", f"{_ONE}/memory", _memory),
    Route("PUT", f"{_ONE}/vectors/{{vector_name}}", _create_vector, models.VectorNameConfig),
    Route("DELETE", f"{_ONE}/vectors/{{vector_name}}", _delete_vector),
    Route("PUT", f"{_ONE}/index", _create_index, models.CreateFieldIndex),
    Route("DELETE", f"{_ONE}/index/{{field_name}}", _delete_index),
    Route("GET", "/aliases", _aliases),
    Route("GET", f"{_ONE}/aliases", _collection_aliases),
    Route("POST", "/collections/aliases", _change_aliases, models.ChangeAliasesOperation),
)
