"""Keep a random sample of cosmic-ray's mutants: ``python .ci/mutants.py mutants.sqlite 320``.

Of arithmetic, those that put the opposite in its place; what else there is fails at once. All of
them, and how to run them: .ci/mutation.toml.
"""

import random
import re
import sqlite3
import sys

KEPT = re.compile(
    r"core/(NumberReplacer|AddNot|ReplaceTrueWithFalse|ReplaceFalseWithTrue|ReplaceAndWithOr"
    r"|ReplaceOrWithAnd|ReplaceBreakWithContinue|ReplaceContinueWithBreak|ZeroIterationForLoop"
    r"|RemoveDecorator|ExceptionReplacer|.*Comparison.*|ReplaceUnaryOperator_Delete_.*|.*_USub_UAdd"
    r"|ReplaceBinaryOperator_(Mul_(Div|Add)|Sub_Add|Add_Sub|(Div|Pow|FloorDiv|Mod)_Mul))"
)

if __name__ == "__main__":
    session, n_mutants = sys.argv[1], int(sys.argv[2])
    with sqlite3.connect(session) as database:
        mutants = database.execute("SELECT job_id, operator_name FROM mutation_specs").fetchall()
        sample = [job for job, operator in mutants if KEPT.fullmatch(operator)]
        random.Random(7).shuffle(sample)
        for job in {job for job, _ in mutants} - set(sample[:n_mutants]):
            for table in ("mutation_specs", "work_items"):
                database.execute(f"DELETE FROM {table} WHERE job_id = ?", (job,))
    print(f"{min(n_mutants, len(sample))} of {len(mutants)} mutants kept")
