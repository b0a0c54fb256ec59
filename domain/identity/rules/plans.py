"""What an organization's plan allows its people to ask for, in points of cost (see graph/cost.py)."""

from dataclasses import dataclass

from db.identity.organizations import OrganizationPlan


@dataclass(frozen=True)
class Allowance:
    """`operation` is the most that one operation may cost; `actor` and `organization` are points a minute;
    `parallel` operations and `subscriptions` may run at once for one actor in one process."""

    operation: int
    actor: int
    organization: int
    parallel: int
    subscriptions: int


ALLOWANCES: dict[str, Allowance] = {
    OrganizationPlan.FREE: Allowance(20_000, 60_000, 120_000, 20, 50),
    OrganizationPlan.STANDARD: Allowance(60_000, 300_000, 1_200_000, 50, 200),
    OrganizationPlan.LARGE: Allowance(200_000, 1_200_000, 6_000_000, 200, 1_000),
}
# Without a token, for each address: enough to sign in and to read the schema.
ANONYMOUS = Allowance(20_000, 60_000, 60_000, 20, 0)


def allowance(plan: str) -> Allowance:
    """A plan that this release does not know (a newer one is rolling out) allows what the standard one does."""
    return ALLOWANCES.get(plan) or ALLOWANCES[OrganizationPlan.STANDARD]
