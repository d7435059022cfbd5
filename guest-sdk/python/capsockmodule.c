/* The module capsock: what the program may do, and giving some of it up. */
#include <Python.h>
#include <capsock.h>
#include <errno.h>

/* A rule or a target that does not follow the grammar is a ValueError. */
static PyObject *fail(void) {
    if (errno == EINVAL)
        return PyErr_Format(PyExc_ValueError, "%s", capsock_error());
    return PyErr_SetFromErrno(PyExc_OSError);
}

static PyObject *may(PyObject *self, PyObject *arguments) {
    const char *operation, *target;
    if (!PyArg_ParseTuple(arguments, "ss:may", &operation, &target))
        return NULL;
    int allowed = capsock_may(operation, target);
    return allowed < 0 ? fail() : PyBool_FromLong(allowed);
}

static PyObject *limit(PyObject *self, PyObject *rules) {
    if (PyUnicode_Check(rules)) {
        PyErr_SetString(PyExc_TypeError, "limit() takes a sequence of rules, not one str");
        return NULL;
    }
    PyObject *list = PySequence_Fast(rules, "limit() takes a sequence of rules");
    if (!list)
        return NULL;
    Py_ssize_t count = PySequence_Fast_GET_SIZE(list);
    const char **texts = PyMem_New(const char *, count ? count : 1);
    PyObject *result = NULL;
    if (!texts) {
        PyErr_NoMemory();
        goto end;
    }
    for (Py_ssize_t at = 0; at < count; at++)
        if (!(texts[at] = PyUnicode_AsUTF8(PySequence_Fast_GET_ITEM(list, at))))
            goto end;
    result = capsock_limit(texts, (size_t)count) ? fail() : Py_NewRef(Py_None);
end:
    PyMem_Free(texts);
    Py_DECREF(list);
    return result;
}

static PyObject *grants(PyObject *self, PyObject *none) {
    char *text = capsock_grants();
    if (!text)
        return PyErr_NoMemory();
    PyObject *whole = PyUnicode_FromString(text);
    free(text);
    PyObject *lines = whole ? PyUnicode_Splitlines(whole, 0) : NULL;
    Py_XDECREF(whole);
    return lines;
}

static PyMethodDef methods[] = {
    {"may", may, METH_VARARGS,
     "may(operation, target, /)\n--\n\n"
     "Whether an operation on one target is allowed, such as 'connect' on\n"
     "'tcp://192.0.2.1:443'. Asking is not told to the host as a denial.\n\n"
     "ValueError: one of them does not follow the grammar, or stands for more than one."},
    {"limit", limit, METH_O,
     "limit(rules, /)\n--\n\n"
     "Gives up, for good, what these rules do not allow, such as\n"
     "['allow connect tcp://*:443']; with none, all that needs a grant.\n\n"
     "ValueError: a rule does not follow the grammar. OSError (EMFILE): there are too\n"
     "many limits or rules. Then nothing has changed."},
    {"grants", grants, METH_NOARGS,
     "grants()\n--\n\n"
     "The rules that the program was started with, a str each. What limit() gave up is\n"
     "not taken off them."},
    {NULL},
};

static struct PyModuleDef module = {
    PyModuleDef_HEAD_INIT,
    .m_name = "capsock",
    .m_doc = "What this program may do, and giving some of it up for good.\n\n"
             "Operations, targets and rules are written as in the host's grants.",
    .m_methods = methods,
};

PyMODINIT_FUNC PyInit_capsock(void) { return PyModuleDef_Init(&module); }
