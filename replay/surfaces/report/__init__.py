"""Reports of incidents: one HTML page, Markdown, JUnit XML, annotations for GitHub.

`facts` gathers what there is to say, once; `html`, `markdown`, `junit` and `github` each write it in their form.
"""
