//! Who may have agents, look after them and act as them.

use super::Caller;
use crate::domain::agent::{Agent, AgentCreation};
use crate::domain::entity::Entity;
use crate::domain::{Error, Result};

/// Checks that somebody may register agents of their own.
pub fn check_registration(caller: &Caller, rule: AgentCreation) -> Result<()> {
    if rule == AgentCreation::Operators && !caller.operator {
        return Err(Error::forbidden(
            "only operators may register agents here (agents.create)",
        ));
    }
    match &caller.entity {
        Entity::User { server: None, .. } => Ok(()),
        other => Err(Error::forbidden(format!(
            "{other} is not a person; only people have agents"
        ))),
    }
}

/// Checks that somebody may look after an agent: its owner, or an operator.
pub fn check_keeper(caller: &Caller, agent: &Agent) -> Result<()> {
    if caller.operator || agent.is_owned_by(&caller.entity) {
        return Ok(());
    }
    let (caller, agent) = (&caller.entity, agent.entity());
    Err(Error::forbidden(format!(
        "{caller} is neither the owner of {agent} nor an operator"
    )))
}

/// Checks that somebody may put an agent to work again: its keeper, unless an operator ended its work.
pub fn check_revival(caller: &Caller, agent: &Agent) -> Result<()> {
    check_keeper(caller, agent)?;
    let by_operator = agent.deactivated.is_some_and(|end| end.by_operator);
    match by_operator && !caller.operator {
        false => Ok(()),
        true => Err(Error::forbidden(format!(
            "{} was deactivated by an operator; only operators put it to work again",
            agent.entity()
        ))),
    }
}

/// Whether somebody may let a program act as an entity: anybody as themselves, operators as any agent,
/// people as their own. `agent` is what the entity is, when it is one of this installation.
#[must_use]
pub fn may_act_as(caller: &Caller, entity: &Entity, agent: Option<&Agent>) -> bool {
    let is_agents = matches!(entity, Entity::Agent { .. });
    let is_own = agent.is_some_and(|agent| agent.is_owned_by(&caller.entity));
    *entity == caller.entity || is_agents && (caller.operator || is_own)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::agent::Deactivation;
    use crate::domain::id::UserId;

    fn caller(entity: &str, operator: bool) -> Caller {
        Caller::new(Entity::parse(entity).expect("an entity"), operator)
    }

    /// Alice's.
    fn agent() -> Agent {
        let user = UserId::trusted("@agent_helper:s");
        let mut agent = Agent::new("helper".into(), user, "Helper".into(), 1);
        agent.owner = Entity::parse("user:alice");
        agent
    }

    #[test]
    fn people_register_agents_where_the_rule_lets_them() {
        let may = |who: &Caller, rule| check_registration(who, rule).is_ok();
        let (alice, operator) = (caller("user:alice", false), caller("user:olga", true));
        assert!(may(&alice, AgentCreation::Members) && may(&operator, AgentCreation::Members));
        assert!(!may(&alice, AgentCreation::Operators) && may(&operator, AgentCreation::Operators));
        let robot = caller("agent:robot", false);
        assert!(!may(&robot, AgentCreation::Members));
    }

    #[test]
    fn an_owner_and_operators_look_after_an_agent() {
        let mut agent = agent();
        let may = |who: &Caller, agent: &Agent| {
            [
                check_keeper(who, agent).is_ok(),
                check_revival(who, agent).is_ok(),
            ]
        };
        let [alice, bob] = ["user:alice", "user:bob"].map(|it| caller(it, false));
        let operator = caller("user:olga", true);
        for (by_operator, owners) in [(false, [true, true]), (true, [true, false])] {
            agent.deactivated = Some(Deactivation {
                at: 1,
                is_final: false,
                by_operator,
            });
            assert_eq!(may(&alice, &agent), owners);
            assert_eq!(may(&bob, &agent), [false, false]);
            assert_eq!(may(&operator, &agent), [true, true]);
        }
    }

    #[test]
    fn programs_act_as_whom_they_are_lent_to() {
        let agent = agent();
        let entity = agent.entity();
        let [alice, bob] = ["user:alice", "user:bob"].map(|it| caller(it, false));
        let operator = caller("user:olga", true);
        assert!(may_act_as(&alice, &alice.entity, None));
        assert!(may_act_as(&alice, &entity, Some(&agent)));
        assert!(!may_act_as(&bob, &entity, Some(&agent)) && !may_act_as(&bob, &alice.entity, None));
        assert!(may_act_as(&operator, &entity, Some(&agent)));
        assert!(may_act_as(&operator, &entity, None) && !may_act_as(&alice, &entity, None));
        assert!(!may_act_as(&operator, &alice.entity, None));
    }
}
