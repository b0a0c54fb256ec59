"""Who does things: people, superusers from the platform, and the platform itself."""

from sqlalchemy import literal

from graph.compiler.abstract import facet, interface, shared
from graph.compiler.projection import computed


@interface
class Actor:
    """Who did something: a person, a superuser from the platform, or the platform itself."""

    name = shared("What they are called.", str)


@facet(implements=("Actor",))
class Superuser:
    """A superuser who worked in the organization without being a member. Who it was, only the platform knows."""

    name = computed("Always `Superuser`.", str, lambda _m, _actor: literal("Superuser"))


@facet(implements=("Actor",))
class Platform:
    """The platform itself: a job, a sweep, or somebody at the command line."""

    name = computed("Always `Opsgraph`.", str, lambda _m, _actor: literal("Opsgraph"))
