/* Reading the files, the built-in club, and the weights of edges. */
#include "papers.h"
#include "demo.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_CLASSES = 100 };

/* ---- Edges ---- */

/* Sets p->edges to the pairs, those in the other direction and the diagonal, and the weights. */
static bool set_edges(papers *p, int64_t n, const int32_t *from, const int32_t *to)
{
    const int64_t all = 2 * n + p->n;
    int32_t *row = allocate(all, sizeof *row), *col = allocate(all, sizeof *col);
    bool ok = row && col;
    for (int64_t k = 0; ok && k < n; k++) {
        row[2 * k] = col[2 * k + 1] = from[k];
        col[2 * k] = row[2 * k + 1] = to[k];
    }
    for (int32_t k = 0; ok && k < p->n; k++)
        row[2 * n + k] = col[2 * n + k] = k;
    p->edges = ok ? tl_pattern_from_coo(p->n, p->n, all, row, col) : NULL;
    free(row);
    free(col);
    if (!p->edges || !(p->weight = allocate(tl_pattern_nnz(p->edges), sizeof *p->weight)))
        return false;
    const tl_csr e = tl_pattern_csr(p->edges);
    for (int64_t i = 0; i < p->n; i++)
        for (int64_t k = e.row_ptr[i]; k < e.row_ptr[i + 1]; k++) {
            const int64_t j = e.col[k];
            const double degrees = (double)(e.row_ptr[i + 1] - e.row_ptr[i]) *
                                   (double)(e.row_ptr[j + 1] - e.row_ptr[j]);
            p->weight[k] = (tl_real)(1 / sqrt(degrees));
        }
    return true;
}

/* Makes the values of each node sum to 1. */
static void normalise_features(papers *p)
{
    const tl_csr f = tl_pattern_csr(p->feature);
    for (int64_t i = 0; i < p->n; i++) {
        double sum = 0;
        for (int64_t k = f.row_ptr[i]; k < f.row_ptr[i + 1]; k++)
            sum += fabs((double)p->value[k]);
        for (int64_t k = f.row_ptr[i]; k < f.row_ptr[i + 1]; k++)
            p->value[k] = (tl_real)((double)p->value[k] / (sum > 0 ? sum : 1));
    }
}

/* ---- From files ---- */

static bool read_matrix(const char *folder, const char *name, tl_mtx *m)
{
    char path[MAX_PATH];
    if (!path_in(path, folder, name) || tl_mtx_read(path, m) != TL_OK)
        return false;
    if (!m->pattern)
        tl_fail(TL_ERR_FORMAT, "%s: found a dense matrix, expected a sparse one", path);
    return m->pattern != NULL;
}

/* Takes each pair once, whichever directions are there, and none of a node with itself. */
static bool use_pairs(papers *p, const tl_pattern *pattern)
{
    const tl_csr e = tl_pattern_csr(pattern);
    int32_t *from = allocate(tl_pattern_nnz(pattern), sizeof *from),
            *to = allocate(tl_pattern_nnz(pattern), sizeof *to);
    int64_t n = 0;
    bool ok = from && to;
    for (int32_t i = 0; ok && i < p->n; i++)
        for (int64_t k = e.row_ptr[i]; k < e.row_ptr[i + 1]; k++)
            if (i < e.col[k] || (i > e.col[k] && tl_pattern_find(pattern, e.col[k], i) < 0)) {
                from[n] = i;
                to[n++] = e.col[k];
            }
    ok = ok && set_edges(p, n, from, to);
    free(from);
    free(to);
    return ok;
}

static bool read_edges(papers *p, const char *folder)
{
    tl_mtx m = { 0 };
    bool ok = read_matrix(folder, "adjacency.mtx", &m);
    if (ok && (m.rows != m.cols || m.rows == 0))
        ok = tl_fail(TL_ERR_FORMAT, "%s/adjacency.mtx: %" PRId64 " x %" PRId64 ", expected a square", folder,
                     m.rows, m.cols) == TL_OK;
    p->n = ok ? m.rows : 0;
    ok = ok && use_pairs(p, m.pattern);
    tl_mtx_free(&m);
    return ok;
}

static bool read_features(papers *p, const char *folder)
{
    tl_mtx m = { 0 };
    bool ok = read_matrix(folder, "features.mtx", &m);
    if (ok && m.rows != p->n)
        ok = tl_fail(TL_ERR_FORMAT, "%s/features.mtx: %" PRId64 " rows for %" PRId64 " nodes", folder, m.rows,
                     p->n) == TL_OK;
    if (ok && (p->value = allocate(tl_pattern_nnz(m.pattern), sizeof *p->value))) {
        p->feature = tl_pattern_retain(m.pattern);
        memcpy(p->value, m.values, (size_t)tl_pattern_nnz(m.pattern) * sizeof *p->value);
    }
    tl_mtx_free(&m);
    return ok && p->value;
}

/* Reads whole numbers from 0 to most-1. */
static bool read_integers(const char *folder, const char *name, int64_t most, node_list *to)
{
    char path[MAX_PATH];
    tl_npy a = { 0 };
    bool ok = path_in(path, folder, name) && tl_npy_read(path, &a) == TL_OK &&
              (to->node = allocate(a.size, sizeof *to->node));
    to->n = ok ? a.size : 0;
    for (int64_t k = 0; ok && k < a.size; k++) {
        const double x = tl_npy_get(&a, k);
        ok = x >= 0 && x < (double)most && x == floor(x);
        if (!ok)
            tl_fail(TL_ERR_FORMAT,
                    "%s: element %" PRId64 " is %g, which is not a whole number in 0..%" PRId64, path, k, x,
                    most - 1);
        to->node[k] = ok ? (int32_t)x : 0;
    }
    tl_npy_free(&a);
    if (ok && to->n == 0)
        ok = tl_fail(TL_ERR_FORMAT, "%s: there is no element", path) == TL_OK;
    return ok;
}

static bool read_labels(papers *p, const char *folder)
{
    node_list labels = { 0 };
    const bool ok = read_integers(folder, "labels.npy", MAX_CLASSES, &labels);
    p->label = labels.node;
    for (int64_t k = 0; ok && k < labels.n; k++)
        p->classes = labels.node[k] >= p->classes ? labels.node[k] + 1 : p->classes;
    if (ok && labels.n != p->n)
        tl_fail(TL_ERR_FORMAT, "%s/labels.npy: %" PRId64 " labels for %" PRId64 " nodes", folder, labels.n,
                p->n);
    return ok && labels.n == p->n;
}

/* ---- The club ---- */

/* The friendships of W. W. Zachary, "An information flow model for conflict and fission in small groups",
 * 1977: of each member those of higher number, and the club that the member joined when it split. */
enum { MEMBERS = 34, FRIENDSHIPS = 78 };

static const char *const friends[MEMBERS] = {
    "1 2 3 4 5 6 7 8 10 11 12 13 17 19 21 31",
    "2 3 7 13 17 19 21 30",
    "3 7 8 9 13 27 28 32",
    "7 12 13",
    "6 10",
    "6 10 16",
    "16",
    "",
    "30 32 33",
    "33",
    "",
    "",
    "",
    "33",
    "32 33",
    "32 33",
    "",
    "",
    "32 33",
    "33",
    "32 33",
    "",
    "32 33",
    "25 27 29 32 33",
    "25 27 31",
    "31",
    "29 33",
    "33",
    "31 33",
    "32 33",
    "32 33",
    "32 33",
    "33",
    "",
};
static const char clubs[] = "0000000001000011001010111111111111";

/* A member has one feature, which no other has. */
static bool make_club(papers *p)
{
    int32_t from[FRIENDSHIPS], to[FRIENDSHIPS];
    int64_t n = 0;
    p->n = MEMBERS;
    p->classes = 2;
    for (int32_t i = 0; i < MEMBERS; i++)
        for (const char *text = friends[i]; *text; n++) {
            char *end;
            from[n] = i;
            to[n] = (int32_t)strtol(text, &end, 10);
            text = end + strspn(end, " ");
        }
    p->feature = tl_pattern_banded(MEMBERS, MEMBERS, 0, 0);
    p->value = allocate(MEMBERS, sizeof *p->value);
    p->label = allocate(MEMBERS, sizeof *p->label);
    p->train = (node_list){ 2, allocate(2, sizeof *p->train.node) };
    p->test = (node_list){ MEMBERS - 2, allocate(MEMBERS - 2, sizeof *p->test.node) };
    if (!p->feature || !p->value || !p->label || !p->train.node || !p->test.node)
        return false;
    p->train.node[1] = MEMBERS - 1; /* and 0: the two leaders */
    for (int32_t k = 0; k < MEMBERS; k++) {
        p->value[k] = 1;
        p->label[k] = clubs[k] - '0';
        if (k > 0 && k < MEMBERS - 1)
            p->test.node[k - 1] = k;
    }
    return set_edges(p, n, from, to);
}

bool papers_get(papers *p, const char *folder)
{
    *p = (papers){ 0 };
    const bool ok = folder ? read_edges(p, folder) && read_features(p, folder) && read_labels(p, folder) &&
                                 read_integers(folder, "train.npy", p->n, &p->train) &&
                                 read_integers(folder, "test.npy", p->n, &p->test)
                           : make_club(p);
    if (ok)
        normalise_features(p);
    return ok;
}

void papers_free(papers *p)
{
    tl_pattern_release(p->edges);
    tl_pattern_release(p->feature);
    free(p->weight);
    free(p->value);
    free(p->label);
    free(p->train.node);
    free(p->test.node);
}
