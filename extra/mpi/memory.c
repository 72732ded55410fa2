/* Memory of the library, which passes through the program's allocator and is kept from sum to sum. */
#include "private.h"

#include <string.h>
#include <tulle/op.h>

static tl_status shape(tl_node *y)
{
    return tl_shape_dense(y, TL_SHAPE());
}

static void forward(tl_node *y)
{
    y->out[0] = 0;
}

static const tl_op memory = { .name = "mpi_memory", .n_in = 1, .shape = shape, .forward = forward };

static tl_node *holder_of(tl_mpi_memory *from)
{
    const tl_real zero = 0;
    if (!from->graph)
        from->graph = tl_graph_new();
    if (from->graph && !from->holder)
        from->holder = tl_apply(&memory, (tl_node *[]){ tl_constant(from->graph, TL_SHAPE(), &zero) }, NULL,
                                0);
    return from->holder;
}

void *tl_mpi_take(tl_mpi *m, tl_mpi_memory *from, int64_t n, size_t size)
{
    tl_node *holder = holder_of(from);
    void *taken = holder ? tl_scratch(holder, n, size) : NULL;
    if (!taken) {
        const tl_status status = tl_fail(TL_ERR_MEMORY, "out of memory");
        if (m)
            tl_mpi_note(m, status);
    }
    return taken;
}

void *tl_mpi_take_zero(tl_mpi *m, tl_mpi_memory *from, int64_t n, size_t size)
{
    void *taken = tl_mpi_take(m, from, n, size);
    return taken ? memset(taken, 0, (size_t)n * size) : NULL;
}

void tl_mpi_give_back(const tl_mpi *m, tl_mpi_memory *of)
{
    if (m->lost.status != TL_OK)
        return;
    of->holder = NULL;
    tl_graph_reset(of->graph);
}
