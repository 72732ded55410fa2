/* Memos: patterns that ops derive from others, stored from step to step. */
#include "graph/tape/tape.h"
#include "lib/memory.h"

tl_pattern *tl_memo_pattern(tl_node *y, const tl_pattern *a, const tl_pattern *b)
{
    for (tl_memo *m = y && y->graph ? y->graph->memo : NULL; m; m = m->next)
        if (m->op == y->op && m->a == a && m->b == b) {
            m->used = true;
            return m->result;
        }
    return NULL;
}

tl_status tl_memo_store(tl_node *y, tl_pattern *a, tl_pattern *b, tl_pattern *result)
{
    if (!y || !y->graph || !result) {
        tl_pattern_release(result);
        return tl_fail(TL_ERR_ARGUMENT, "memo_store: %s",
                       result ? "the node is in no graph" : "the result is NULL");
    }
    tl_memo *m = tl_alloc(1, sizeof *m);
    if (!m) {
        tl_pattern_release(result);
        return tl_fail_memory();
    }
    *m = (tl_memo){ .next = y->graph->memo, .op = y->op, .result = result, .used = true };
    m->a = tl_pattern_retain(a); /* no other pattern can then be allocated at their addresses */
    m->b = tl_pattern_retain(b);
    y->graph->memo = m;
    return TL_OK;
}

void tl_memo_sweep(tl_graph *g, bool all)
{
    for (tl_memo **at = &g->memo, *m; (m = *at);) {
        if (m->used && !all) {
            m->used = false;
            at = &m->next;
            continue;
        }
        *at = m->next;
        tl_pattern_release(m->a);
        tl_pattern_release(m->b);
        tl_pattern_release(m->result);
        tl_free(m);
    }
}
