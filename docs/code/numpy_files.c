/* Weights to NumPy and SciPy, and back. The files go to the working directory. */
#include <stdio.h>
#include <string.h>
#include <tulle/tulle.h>

enum { INPUTS = 6, HIDDEN = 4 };

/* numpy.load("w.npy") */
static tl_status write_array(tl_variable *w)
{
    const tl_npy a = {
        .type = TL_NPY_REAL, .rank = 2, .dim = { INPUTS, HIDDEN }, .data = tl_variable_data(w)
    };
    return tl_npy_write("w.npy", &a);
}

/* Whatever type, byte order and order of elements the file has. */
static tl_status read_array(tl_variable *w)
{
    tl_npy a;
    tl_status status = tl_npy_read("w.npy", &a);
    if (status == TL_OK && a.size != tl_variable_size(w))
        status = tl_fail(TL_ERR_SHAPE, "w.npy: %lld elements, expected %d", (long long)a.size,
                         INPUTS * HIDDEN);
    if (status == TL_OK)
        status = tl_npy_to_real(&a, tl_variable_data(w));
    tl_npy_free(&a);
    return status;
}

/* numpy.load("layers.npz")["b"] */
static tl_status write_archive(tl_variable *w, tl_variable *b)
{
    char *names[] = { "w", "b" };
    tl_npy arrays[] = {
        { .type = TL_NPY_REAL, .rank = 2, .dim = { INPUTS, HIDDEN }, .data = tl_variable_data(w) },
        { .type = TL_NPY_REAL, .rank = 1, .dim = { HIDDEN }, .data = tl_variable_data(b) },
    };
    return tl_npz_write("layers.npz", &(tl_npz){ .n = 2, .name = names, .array = arrays });
}

/* scipy.sparse.load_npz("s.npz") */
static tl_status write_sparse(tl_variable *s)
{
    const tl_mtx m = {
        .rows = INPUTS,
        .cols = HIDDEN,
        .pattern = tl_variable_pattern(s),
        .values = tl_variable_data(s),
    };
    return tl_npz_write_sparse("s.npz", &m);
}

/* scipy.sparse.save_npz("s.npz", matrix) wrote it, in one of the formats csr, csc and coo. */
static tl_status read_sparse(tl_variable **s)
{
    tl_mtx m;
    const tl_status status = tl_npz_read_sparse("s.npz", &m);
    if (status != TL_OK)
        return status;
    *s = tl_variable_sparse("s", m.pattern); /* which retains it */
    if (*s)
        memcpy(tl_variable_data(*s), m.values, (size_t)tl_variable_size(*s) * sizeof(tl_real));
    tl_mtx_free(&m);
    return *s ? TL_OK : TL_ERR_MEMORY;
}

int main(void)
{
    tl_random rng = { .seed = 1 };
    tl_pattern *pattern = tl_pattern_random(INPUTS, HIDDEN, 0.5, 1);
    tl_variable *w = tl_variable_dense("w", TL_SHAPE(INPUTS, HIDDEN)),
                *b = tl_variable_dense("b", TL_SHAPE(HIDDEN));
    tl_variable *s = tl_variable_sparse("s", pattern), *again = NULL;
    tl_init_he(w, &rng);
    tl_init_he(s, &rng);

    const bool done = write_array(w) == TL_OK && read_array(w) == TL_OK && write_archive(w, b) == TL_OK &&
                      write_sparse(s) == TL_OK && read_sparse(&again) == TL_OK;
    if (done)
        printf("s: %lld weights before, %lld after\n", (long long)tl_variable_size(s),
               (long long)tl_variable_size(again));
    else
        fprintf(stderr, "%s\n", tl_error());

    remove("w.npy");
    remove("layers.npz");
    remove("s.npz");
    tl_variable_free(w);
    tl_variable_free(b);
    tl_variable_free(s);
    tl_variable_free(again);
    tl_pattern_release(pattern);
    return !done;
}
