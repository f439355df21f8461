//! Calls of scripts that run for every request: the arguments are written once, where
//! [`Script::prepare_invoke`] first makes a vector of each.

use crate::redis_store::RedisConnection;
use redis::{
    Cmd, ErrorKind, FromRedisValue, RedisError, RedisResult, Script, ServerErrorKind, ToRedisArgs,
};

/// Room for the arguments of the longest call, so that they are not moved while they come.
const ARGUMENTS: usize = 32;
const ARGUMENT_BYTES: usize = 768;

/// One call of a script, made as often as it is [run](ScriptCall::run).
pub(crate) struct ScriptCall<'s> {
    script: &'s Script,
    command: Cmd,
}

impl<'s> ScriptCall<'s> {
    /// A call whose first `keys` arguments are keys.
    pub(crate) fn new(script: &'s Script, keys: usize) -> Self {
        let mut command = Cmd::with_capacity(ARGUMENTS, ARGUMENT_BYTES);
        command.arg("EVALSHA").arg(script.get_hash()).arg(keys);
        Self { script, command }
    }

    /// Adds one argument, or one for each element.
    pub(crate) fn arg(&mut self, argument: impl ToRedisArgs) -> &mut Self {
        self.command.arg(argument);
        self
    }

    /// Runs the script; a server that does not have it is given it first.
    pub(crate) async fn run<T: FromRedisValue>(
        &self,
        connection: &mut RedisConnection,
    ) -> RedisResult<T> {
        match self.command.query_async(connection).await {
            Err(error) if is_unknown_script(&error) => {
                self.script.prepare_invoke().load_async(connection).await?;
                self.command.query_async(connection).await
            }
            answer => answer,
        }
    }
}

fn is_unknown_script(error: &RedisError) -> bool {
    error.kind() == ErrorKind::Server(ServerErrorKind::NoScript)
}
