"How show_doc renders a symbol on the site: signature, docstring, table of parameters"
from fastcore.docments import DocmentTbl
from nbdev.showdoc import BasicMarkdownRenderer


class ParameterTables(BasicMarkdownRenderer):
    def _repr_markdown_(self):
        text = super()._repr_markdown_()
        try: table = DocmentTbl(self.sym)._repr_markdown_()
        except (TypeError, ValueError, OSError): return text # builtins have no source to read comments from
        return f'{text}\n\n{table}' if table else text
