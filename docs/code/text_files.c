/* A sparse matrix in Matrix Market's format, and rows in svmlight's. The files go to the working
 * directory. */
#include <stdio.h>
#include <string.h>
#include <tulle/tulle.h>

/* scipy.io.mmread("graph.mtx").tocsr() */
static tl_variable *read_graph(void)
{
    tl_mtx m;
    if (tl_mtx_read("graph.mtx", &m) != TL_OK)
        return NULL;
    tl_variable *graph = tl_variable_sparse("graph", m.pattern); /* which retains it */
    if (graph)
        memcpy(tl_variable_data(graph), m.values, (size_t)tl_variable_size(graph) * sizeof(tl_real));
    tl_mtx_free(&m);
    return graph;
}

static tl_status write_graph(tl_variable *graph)
{
    const tl_shape shape = tl_variable_shape(graph);
    const tl_mtx m = {
        .rows = shape.dim[0],
        .cols = shape.dim[1],
        .pattern = tl_variable_pattern(graph),
        .values = tl_variable_data(graph),
    };
    return tl_mtx_write("copy.mtx", &m);
}

/* What the training set shows is stated for the test set, where it might show otherwise. */
static tl_status read_sets(tl_svmlight *train, tl_svmlight *test)
{
    *test = (tl_svmlight){ 0 };
    const tl_status status = tl_svmlight_read("train.svm", NULL, train);
    if (status != TL_OK)
        return status;
    const tl_svmlight_options as_train = {
        .features = train->features,
        .base = train->base == 0 ? TL_SVMLIGHT_FROM_0 : TL_SVMLIGHT_FROM_1,
    };
    return tl_svmlight_read("test.svm", &as_train, test);
}

/* A file that is larger than memory. */
static tl_status count_labels(int64_t *positive)
{
    const tl_svmlight_options options = { .features = 1000, .base = TL_SVMLIGHT_FROM_1 };
    tl_svmlight_stream *s = tl_svmlight_open("train.svm", &options);
    tl_svmlight batch = { 0 };
    tl_status status;
    while ((status = tl_svmlight_next(s, 64, &batch)) == TL_OK && batch.rows > 0)
        for (int64_t i = 0; i < batch.rows; i++)
            *positive += batch.labels[i] > 0;
    tl_svmlight_free(&batch);
    tl_svmlight_close(s);
    return status;
}

static bool put(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");
    return f && fputs(text, f) >= 0 && fclose(f) == 0;
}

int main(void)
{
    tl_svmlight train = { 0 }, test = { 0 };
    tl_variable *graph = NULL;
    int64_t positive = 0;
    bool done = put("graph.mtx", "%%MatrixMarket matrix coordinate pattern symmetric\n3 3 2\n2 1\n3 2\n") &&
                put("train.svm", "1 1:0.5 4:2\n-1 2:1\n1 3:1 # the last\n") && put("test.svm", "-1 2:3\n");
    if (done && (graph = read_graph()))
        done = write_graph(graph) == TL_OK && read_sets(&train, &test) == TL_OK &&
               count_labels(&positive) == TL_OK;
    if (graph && done)
        printf("%lld links; %lld rows to train, %lld positive, %lld to test, of %lld features\n",
               (long long)tl_variable_size(graph), (long long)train.rows, (long long)positive,
               (long long)test.rows, (long long)test.features);
    else
        fprintf(stderr, "%s\n", tl_error());
    static const char *const files[] = { "graph.mtx", "copy.mtx", "train.svm", "test.svm" };
    for (int k = 0; k < 4; k++)
        remove(files[k]);
    tl_variable_free(graph);
    tl_svmlight_free(&train);
    tl_svmlight_free(&test);
    return !graph || !done;
}
