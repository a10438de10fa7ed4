"""Building blocks of transports: payloads, errors, encoding, identifiers, process control.

A server translates its requests into `Pipeline.execute(connection, name, payload)` and the outcome
into its responses. `pytest_actionhero.ServerContract` is the test suite for servers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from actionhero.plugins import lazy_names

if TYPE_CHECKING:
    from actionhero.action import RegisteredAction as RegisteredAction
    from actionhero.call import WithInputs as WithInputs
    from actionhero.call import WithoutInputs as WithoutInputs
    from actionhero.connection import HEADER_NAME as HEADER_NAME
    from actionhero.connection import HEADER_VALUE as HEADER_VALUE
    from actionhero.connection import IDEMPOTENCY_KEY as IDEMPOTENCY_KEY
    from actionhero.connection import TRACE_FIELDS as TRACE_FIELDS
    from actionhero.connection import check_header as check_header
    from actionhero.errors import ABSENT as ABSENT
    from actionhero.errors import name_hint as name_hint
    from actionhero.errors import unknown_key as unknown_key
    from actionhero.health import Diagnosis as Diagnosis
    from actionhero.health import Finding as Finding
    from actionhero.health import Health as Health
    from actionhero.health import check_disk_space as check_disk_space
    from actionhero.identifier import new_identifier as new_identifier
    from actionhero.identity.decision import decision as decision
    from actionhero.identity.passwords import normalize_password as normalize_password
    from actionhero.identity.principal import is_no_user as is_no_user
    from actionhero.inputs.annotations import members as members
    from actionhero.inputs.annotations import parts as parts
    from actionhero.inputs.annotations import (
        with_portable_typed_dicts as with_portable_typed_dicts,
    )
    from actionhero.inputs.canonical_form import canonical as canonical
    from actionhero.inputs.fields import InputField as InputField
    from actionhero.inputs.fields import input_names as input_names
    from actionhero.inputs.json_schemas import JsonSchemaGenerator as JsonSchemaGenerator
    from actionhero.inputs.json_schemas import map_subschemas as map_subschemas
    from actionhero.inputs.payloads import EMPTY_PAYLOAD as EMPTY_PAYLOAD
    from actionhero.inputs.payloads import DeferredPayload as DeferredPayload
    from actionhero.inputs.payloads import FormFields as FormFields
    from actionhero.inputs.payloads import InvalidPayload as InvalidPayload
    from actionhero.inputs.payloads import JsonPayload as JsonPayload
    from actionhero.inputs.payloads import MixedPayload as MixedPayload
    from actionhero.inputs.payloads import ParsedPayload as ParsedPayload
    from actionhero.inputs.payloads import Payload as Payload
    from actionhero.inputs.payloads import TextPayload as TextPayload
    from actionhero.inputs.payloads import ValuePayload as ValuePayload
    from actionhero.inputs.problems import pointer_to as pointer_to
    from actionhero.inputs.schema import InputSchema as InputSchema
    from actionhero.inputs.sources import JsonText as JsonText
    from actionhero.inputs.sources import is_json as is_json
    from actionhero.inputs.unsupported import find_unsupported as find_unsupported
    from actionhero.json import dumps as dumps
    from actionhero.json import dumps_escaped as dumps_escaped
    from actionhero.json import dumps_pretty as dumps_pretty
    from actionhero.json import encode as encode
    from actionhero.json import has_lone_surrogate as has_lone_surrogate
    from actionhero.json import loads as loads
    from actionhero.json import loads_plain as loads_plain
    from actionhero.logs import add_facts as add_facts
    from actionhero.logs import add_tap as add_tap
    from actionhero.logs import context_facts as context_facts
    from actionhero.logs import request_id as request_id
    from actionhero.outputs import OutputSchema as OutputSchema
    from actionhero.outputs import encode_outcome as encode_outcome
    from actionhero.outputs import outcome_value as outcome_value
    from actionhero.pipeline import Pipeline as Pipeline
    from actionhero.pipeline.error_handling import INTERNAL_ERROR as INTERNAL_ERROR
    from actionhero.pipeline.error_handling import ErrorHandler as ErrorHandler
    from actionhero.pipeline.error_handling import ends_task as ends_task
    from actionhero.pipeline.exception_reports import report_exception as report_exception
    from actionhero.pipeline.observation import ObserverFailures as ObserverFailures
    from actionhero.process import EXIT_SOFTWARE as EXIT_SOFTWARE
    from actionhero.process import STOP_SIGNALS as STOP_SIGNALS
    from actionhero.process import StopSignals as StopSignals
    from actionhero.process import exit_now as exit_now
    from actionhero.process import exit_soon as exit_soon
    from actionhero.process import loop_factory as loop_factory
    from actionhero.process import on_forced_exit as on_forced_exit
    from actionhero.process import parent_environ as parent_environ
    from actionhero.process import parent_id as parent_id
    from actionhero.process import run_interruptible as run_interruptible
    from actionhero.process import serve as serve
    from actionhero.redaction import MASK as MASK
    from actionhero.redaction import REDACTED as REDACTED
    from actionhero.redaction import mask_url as mask_url
    from actionhero.redaction import mask_urls as mask_urls
    from actionhero.streams import Chunk as Chunk
    from actionhero.streams import Item as Item
    from actionhero.timeouts import PendingCall as PendingCall
    from actionhero.timeouts import TimeoutQueue as TimeoutQueue
    from actionhero.transport.backoff import Backoff as Backoff
    from actionhero.transport.backoff import backoff_seconds as backoff_seconds
    from actionhero.transport.error_documents import error_document as error_document
    from actionhero.transport.error_documents import error_problems as error_problems
    from actionhero.transport.file_lock import FileLock as FileLock
    from actionhero.transport.file_lock import is_locked as is_locked
    from actionhero.transport.file_watcher import watch_files as watch_files
    from actionhero.transport.ip_addresses import client_network as client_network
    from actionhero.transport.ip_addresses import is_loopback as is_loopback
    from actionhero.transport.ip_addresses import parse_ip_address as parse_ip_address
    from actionhero.transport.write_batch import WriteBatch as WriteBatch

__getattr__, __dir__, __all__ = lazy_names(
    __name__,
    {
        ".backoff": ["Backoff", "backoff_seconds"],
        ".file_lock": ["FileLock", "is_locked"],
        ".file_watcher": ["watch_files"],
        ".error_documents": ["error_document", "error_problems"],
        ".ip_addresses": ["client_network", "is_loopback", "parse_ip_address"],
        ".write_batch": ["WriteBatch"],
        "actionhero.action": ["RegisteredAction"],
        "actionhero.pipeline.error_handling": ["ErrorHandler", "INTERNAL_ERROR", "ends_task"],
        "actionhero.pipeline.exception_reports": ["report_exception"],
        "actionhero.pipeline.observation": ["ObserverFailures"],
        "actionhero.call": ["WithInputs", "WithoutInputs"],
        "actionhero.connection": [
            "HEADER_NAME",
            "HEADER_VALUE",
            "IDEMPOTENCY_KEY",
            "TRACE_FIELDS",
            "check_header",
        ],
        "actionhero.errors": ["ABSENT", "name_hint", "unknown_key"],
        "actionhero.health": ["Diagnosis", "Finding", "Health", "check_disk_space"],
        "actionhero.identifier": ["new_identifier"],
        "actionhero.identity.decision": ["decision"],
        "actionhero.identity.passwords": ["normalize_password"],
        "actionhero.identity.principal": ["is_no_user"],
        "actionhero.inputs.annotations": ["members", "parts", "with_portable_typed_dicts"],
        "actionhero.inputs.canonical_form": ["canonical"],
        "actionhero.inputs.fields": ["InputField", "input_names"],
        "actionhero.inputs.json_schemas": ["JsonSchemaGenerator", "map_subschemas"],
        "actionhero.inputs.payloads": [
            "EMPTY_PAYLOAD",
            "DeferredPayload",
            "FormFields",
            "InvalidPayload",
            "JsonPayload",
            "MixedPayload",
            "ParsedPayload",
            "Payload",
            "TextPayload",
            "ValuePayload",
        ],
        "actionhero.inputs.problems": ["pointer_to"],
        "actionhero.inputs.sources": ["JsonText", "is_json"],
        "actionhero.inputs.schema": ["InputSchema"],
        "actionhero.inputs.unsupported": ["find_unsupported"],
        "actionhero.json": [
            "dumps",
            "dumps_escaped",
            "dumps_pretty",
            "encode",
            "has_lone_surrogate",
            "loads",
            "loads_plain",
        ],
        "actionhero.logs": ["add_facts", "add_tap", "context_facts", "request_id"],
        "actionhero.outputs": ["OutputSchema", "encode_outcome", "outcome_value"],
        "actionhero.pipeline": ["Pipeline"],
        "actionhero.process": [
            "EXIT_SOFTWARE",
            "STOP_SIGNALS",
            "StopSignals",
            "exit_now",
            "exit_soon",
            "loop_factory",
            "on_forced_exit",
            "parent_environ",
            "parent_id",
            "run_interruptible",
            "serve",
        ],
        "actionhero.redaction": ["MASK", "REDACTED", "mask_url", "mask_urls"],
        "actionhero.streams": ["Chunk", "Item"],
        "actionhero.timeouts": ["PendingCall", "TimeoutQueue"],
    },
)
