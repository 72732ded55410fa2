/* Parts of work, each with its own piece of the workspace. */
#include "parts.h"

enum { MOST_VALUES = 1 << 22 };

tl_parts tl_parts_of(int64_t size)
{
    return (tl_parts){ .n = tl_between(MOST_VALUES / (size > 0 ? size : 1), 1, TL_PARTS), .size = size };
}

void tl_parts_run(tl_parts *p, int64_t units, void (*body)(void *context, int64_t begin, int64_t end),
                  void *context)
{
    p->grain = units > p->n ? tl_divide_up(units, p->n) : 1;
    tl_parallel_for(units, p->grain, body, context);
}

int64_t tl_parts_size(const tl_parts *p)
{
    return p->n * p->size;
}

tl_real *tl_parts_piece(const tl_parts *p, const tl_node *y, int64_t unit)
{
    return (tl_real *)tl_workspace(y) + unit / p->grain * p->size;
}

int64_t tl_parts_blocks(int64_t units, int64_t n)
{
    return tl_between(TL_PARTS / (units > 0 ? units : 1), 1, n > 0 ? n : 1);
}

tl_span tl_block_of(int64_t b, int64_t blocks, int64_t n)
{
    return (tl_span){ n * b / blocks, n * (b + 1) / blocks };
}
