"""How one database makes its vectors: what the owner of a client decided, for all calls alike.

Plain values; the modules that act on them are named at each. Made by the doors, carried by `Inference` and `Request`.
"""

from __future__ import annotations

from typing import NamedTuple

from minidb.errors import BadRequest
from minidb.inference.secret import Secret

LOCAL_BATCH_SIZE = 8  # qdrant-client's


class ImageRules(NamedTuple):
    """What an image may be that is decoded here, for a local model (`images`). Services decode theirs themselves.

    Args:
        max_bytes: of the encoded image.
        max_pixels: width times height.
        formats: Pillow's names of the formats that are read.
        timeout_seconds: for fetching one, redirects included.
        max_redirects: on the way to one.
        allow_private_addresses: whether a URL may lead to this machine or its network (127.0.0.1, 10.0.0.0/8, …).
        allow_files: whether a path or a file: URL is read.
    """

    max_bytes: int = 20_000_000
    max_pixels: int = 64_000_000
    formats: tuple[str, ...] = ("PNG", "JPEG", "WEBP", "GIF")
    timeout_seconds: float = 10.0
    max_redirects: int = 5
    allow_private_addresses: bool = False
    allow_files: bool = False


class InferenceSettings(NamedTuple):
    """The inference of one client.

    Args:
        local_batch_size: inputs a local model gets at once (`fastembed`).
        images: limits for images decoded here.
        service_url: of an inference service that has all models but the built-in ones; None for this process.
        service_token: who asks it.
        cache_bytes: size of the embedding cache (`cache`); None for none.
    """

    local_batch_size: int = LOCAL_BATCH_SIZE
    images: ImageRules = ImageRules()
    service_url: str | None = None
    service_token: Secret | None = None
    cache_bytes: int | None = None


def settings_of(
    *,
    cloud_inference: bool = False,
    inference_url: str | None = None,
    inference_token: str | Secret | None = None,
    local_inference_batch_size: int | None = None,
    embedding_cache_bytes: int | None = None,
    images: ImageRules | None = None,
) -> InferenceSettings:
    """The settings a client's arguments stand for.

    Raises:
        BadRequest: `cloud_inference` without an address, or a size that is none.
    """
    if cloud_inference and inference_url is None:
        raise BadRequest(
            "cloud_inference=True needs inference_url, the address of an inference service; with cloud_inference=False "
            "local models (fastembed) and providers (openai/…, cohere/…, jinaai/…, openrouter/…, voyage/…) are used"
        )
    for name, value in (("batch size", local_inference_batch_size), ("embedding_cache_bytes", embedding_cache_bytes)):
        if value is not None and (not isinstance(value, int) or isinstance(value, bool) or value < 1):
            raise BadRequest(f"{name} must be a positive integer, got {value!r}")
    token = Secret(inference_token) if isinstance(inference_token, str) else inference_token
    return InferenceSettings(
        local_batch_size=LOCAL_BATCH_SIZE if local_inference_batch_size is None else local_inference_batch_size,
        images=images or ImageRules(),
        service_url=inference_url if cloud_inference else None,
        service_token=token if cloud_inference else None,
        cache_bytes=embedding_cache_bytes,
    )
