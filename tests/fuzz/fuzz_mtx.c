/* Matrix Market files. */
#include "tests/fuzz/matrix.h"

const char *const tl_fuzz_words[] = { "%%MatrixMarket matrix ",
                                      "coordinate ",
                                      "array ",
                                      "vector ",
                                      "real ",
                                      "integer ",
                                      "pattern ",
                                      "complex ",
                                      "general\n",
                                      "symmetric\n",
                                      "skew-symmetric\n",
                                      "hermitian\n",
                                      "\n",
                                      "\r\n",
                                      "% comment\n",
                                      " ",
                                      "\t",
                                      "1 1 1\n",
                                      NULL };

tl_status tl_fuzz_read(const char *path, const char *copy)
{
    return tl_fuzz_matrix(path, copy, tl_mtx_read, tl_mtx_write);
}

bool tl_fuzz_seed(int k, const char *path)
{
    static const char *const texts[] = {
        "%%MatrixMarket matrix coordinate real general\n% comment\n3 4 3\n1 2 1.5\n3 4 -2e-3\n1 1 7\n",
        "%%matrixmarket Matrix Coordinate Pattern Symmetric\r\n\r\n3 3 2\r\n 2 1\r\n3 3",
        "%%MatrixMarket matrix coordinate integer skew-symmetric\n2 2 1\n2 1 5\n",
        "%%MatrixMarket matrix array real general\n2 2\n1\n2.25\n-3\n0.1\n",
        "%%MatrixMarket matrix array integer symmetric\n2 2\n1\n2\n3\n",
    };
    return tl_fuzz_put_text(path, k, texts, sizeof texts / sizeof *texts);
}
