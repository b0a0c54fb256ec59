"""ICAO codes: aircraft type designators (Doc 8643) and location indicators (Doc 7910)."""

import re

from db.fleet.aircraft_types import AircraftCategory
from domain.errors import ErrorCode, refuse

DESIGNATOR = re.compile(r"[A-Z][A-Z0-9]{1,3}")
LOCATION = re.compile(r"[A-Z]{4}")
MOST_ENGINES = 12

_PLANE, _HELICOPTER = AircraftCategory.AEROPLANE, AircraftCategory.HELICOPTER
# What Doc 8643 says of designators that fleets often have, so that an import need not ask.
_KNOWN_GROUPS: dict[tuple[AircraftCategory, int], str] = {
    (_PLANE, 1): "C150 C152 C172 C182 C206 C208 DA40 P28A PC12 PC21 SR20 SR22 TBM7 TBM8 TBM9 AT8T AT5T",
    (_PLANE, 2): (
        "A20N A21N A306 A318 A319 A320 A321 A332 A333 A339 A359 A35K AT43 AT45 AT72 AT75 AT76 B190 B350 B38M"
        " B39M B732 B733 B734 B735 B736 B737 B738 B739 B752 B753 B762 B763 B764 B772 B773 B77L B77W B788 B789"
        " B78X BE20 BE9L BE58 BCS1 BCS3 C25A C25B C25C C510 C525 C550 C560 C56X C680 C68A CL30 CL35 CL60 CRJ2"
        " CRJ7 CRJ9 CRJX D228 D328 DA42 DA62 DHC6 DH8A DH8B DH8C DH8D E110 E120 E135 E145 E170 E190 E195 E290"
        " E295 E50P E55P F100 F50 F70 GL5T GLEX GLF4 GLF5 GLF6 JS31 JS32 JS41 L410 MD82 MD83 PA34 P180 PC24 SB20"
        " SF34 SW4"
    ),
    (_PLANE, 3): "FA50 F900 FA7X FA8X MD11 DC10 TRIS B722",
    (_PLANE, 4): "A342 A343 A345 A346 A388 B462 B463 B742 B744 B748 C130 DH7 IL76 RJ1H RJ85",
    (_HELICOPTER, 1): "AS50 B06 B407 EC20 EC30 G2CA H500 R22 R44 R66 SA34",
    (_HELICOPTER, 2): "A109 A139 A169 A189 AS32 AS55 AS65 B212 B412 B429 EC25 EC35 EC45 EC55 EC75 MI8 S76 S92",
}
KNOWN: dict[str, tuple[AircraftCategory, int]] = {
    code: kind for kind, codes in _KNOWN_GROUPS.items() for code in codes.split()
}


def designator(text: str) -> str:
    """An aircraft type designator, upper-case: 2 to 4 letters and digits that begin with a letter."""
    code = text.strip().upper()
    if not DESIGNATOR.fullmatch(code):
        raise refuse(
            ErrorCode.INVALID,
            f"'{code[:20]}' is no ICAO type designator; it has 2 to 4 letters and digits and begins with a letter,"
            " as in A320 (Doc 8643).",
        )
    return code


def location(text: str) -> str:
    """An ICAO location indicator, upper-case: four letters."""
    code = text.strip().upper()
    if not LOCATION.fullmatch(code):
        hint = " This looks like an IATA code." if re.fullmatch(r"[A-Z]{3}", code) else ""
        raise refuse(
            ErrorCode.INVALID,
            f"'{code[:20]}' is no ICAO location indicator; it has four letters, as in EDDF (Doc 7910).{hint}",
        )
    return code


def engine_count(count: int) -> int:
    """How many engines a type has: 0 (gliders, balloons) to 12."""
    if not 0 <= count <= MOST_ENGINES:
        raise refuse(ErrorCode.OUT_OF_RANGE, f"{count} engines are not possible; give 0 to {MOST_ENGINES}.")
    return count
