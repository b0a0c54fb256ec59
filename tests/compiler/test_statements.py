"""How many statements an operation costs, counted in the server's own log."""

from db.reads import ReadPool
from tests.compiler.conftest import World, actor
from tests.compiler.population import ORGS

NESTED = """{
  aircraftList(first: 20) { nodes {
    registration
    type { manufacturer model }
    utilisation(first: 5, orderBy: [{flownOn: DESC}]) { nodes { flownOn minutes reporter { name } } }
  } }
}"""


async def test_a_nested_operation_is_one_statement(world: World) -> None:
    await world.data(NESTED)  # connects and prepares
    start = world.log.stat().st_size
    found = await world.data(NESTED)
    assert len(found["aircraftList"]["nodes"]) == 20
    executed = world.statements(start)
    assert len(executed) == 1, executed
    assert "utilisation_entries" in executed[0]


async def test_several_root_fields_are_one_statement(world: World) -> None:
    document = "{ a: aircraftList(first: 1) { totalCount } b: aircraftTypes { totalCount } __typename }"
    await world.data(document)
    start = world.log.stat().st_size
    await world.data(document)
    assert len(world.statements(start)) == 1


async def test_a_tenant_finds_the_connection_that_served_it_before(world: World) -> None:
    for org in ORGS:
        await world.data(NESTED, who=actor(org))
    start = world.log.stat().st_size
    for org in ORGS * 2:
        await world.data(NESTED, who=actor(org))
    assert len(world.statements(start)) == 4


async def test_changing_the_tenant_of_a_connection_costs_the_setting(world: World) -> None:
    pool = ReadPool(world.platform.settings.model_copy(update={"database_read_pool_size": 1}))
    sql = "SELECT count(*) FROM aircraft"
    scopes = [actor(org).scope for org in ORGS]
    await pool.fetchrow(sql, [], scopes[1])
    start = world.log.stat().st_size
    for scope in [scopes[0], scopes[0], scopes[1], scopes[1]]:
        await pool.fetchrow(sql, [], scope)
    executed = world.statements(start)
    await pool.close()
    assert ["set_config" in text for text in executed] == [True, False, False, True, False, False]
