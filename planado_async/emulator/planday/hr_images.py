"""The HR API's images in custom fields: https://openapi.planday.com/api/hr.

Body and answer are one JSON string, the image as a data URI.
"""

import re

import orjson
from attrs import evolve

from planado_async.emulator.errors import EmulatorError
from planado_async.emulator.planday.calls import Answer, Call, Route, found, missing
from planado_async.emulator.planday.hr_employees import employee
from planado_async.emulator.planday.hr_history import save
from planado_async.emulator.planday.people import CustomField, Employee

IMAGE = re.compile(r"data:image/(png|jpeg|gif|webp);base64,[A-Za-z0-9+/]+={0,2}")


def _image_field(call: Call) -> CustomField:
    custom = found(call.data.custom_fields.get(call.params["field"]), "Custom field")
    if custom.kind != "Image":
        raise EmulatorError(400, f"{custom.key} is not an image")
    return custom


def _image(call: Call) -> tuple[Employee, CustomField, str]:
    """The employee, the field, and the image in it, which must be there."""
    custom, who = _image_field(call), employee(call)
    image = who.custom.get(custom.key)
    if image is None:
        raise missing("Image")
    return who, custom, image


def image(call: Call) -> Answer:
    """The image in a custom field, as a data URI."""
    return Answer(200, _image(call)[2])


def set_image(call: Call) -> Answer:
    """Puts an image into a custom field, in the place of one that is there."""
    custom, given = _image_field(call), _data_uri(call.raw)
    who = employee(call)
    save(call, who, evolve(who, custom={**who.custom, custom.key: given}))
    return Answer(200, given)


def _data_uri(raw: bytes) -> str:
    try:
        given: object = orjson.loads(raw)
    except orjson.JSONDecodeError:
        raise EmulatorError(400, "Request body is not JSON") from None
    if not isinstance(given, str) or not IMAGE.fullmatch(given):
        raise EmulatorError(400, "Request body must be an image as a data URI in base64")
    return given


def remove_image(call: Call) -> Answer:
    """Takes the image out of a custom field."""
    who, custom, _ = _image(call)
    rest = {key: value for key, value in who.custom.items() if key != custom.key}
    save(call, who, evolve(who, custom=rest))
    return Answer(200, True)


VALUE = "/hr/v1.0/employees/{employeeId}/customfields/{field}/value"
ROUTES = [
    Route("GET", VALUE, "employee:read", image),
    Route("POST", VALUE, "employee:create", set_image),
    Route("PUT", VALUE, "employee:update", set_image),
    Route("DELETE", VALUE, "employee:update", remove_image),
]
